import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { ByteSource } from '@image-stream/codec';
import { ImageIoError } from './errors.ts';

/** A source that is a file, for what reads files itself. */
export interface FileSource extends ByteSource {
  /** As it was given. */
  readonly path: string;
}

/**
 * The bytes of a file, read from disk when they are asked for. A symbolic link is not followed.
 *
 * Nothing stays open in between, so a source needs no closing.
 *
 * @throws what the file system says, such as `ENOENT`, or `ELOOP` for a symbolic link; so does each read, and
 * ImageIoError `INVALID_IMAGE` when the file has become shorter
 */
export async function fileSource(path: string): Promise<FileSource> {
  return {
    path,
    size: await withFile(path, async (file) => (await file.stat()).size),
    read: (start, end) => withFile(path, (file) => readFully(file, path, start, end)),
  };
}

export function isFileSource(source: ByteSource): source is FileSource {
  return 'path' in source;
}

/**
 * What is in an open file from `start` to `end`.
 *
 * @param path for the message
 * @throws ImageIoError `INVALID_IMAGE` when the file has become shorter
 */
export async function readFully(
  file: Pick<FileHandle, 'read'>,
  path: string,
  start: number,
  end: number,
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(end - start);
  for (let filled = 0; filled < bytes.length;) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
    if (bytesRead === 0) {
      throw new ImageIoError('INVALID_IMAGE', `${path} became shorter while it was read`);
    }
    filled += bytesRead;
  }
  return bytes;
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** SHA-256 of a source, lower-case hex. */
export async function sha256Of(source: ByteSource): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of pieces(source)) {
    hash.update(piece);
  }
  return hash.digest('hex');
}

const stepBytes = 1024 ** 2;

/** A source piece by piece, so that memory does not depend on its size. */
export async function* pieces(source: ByteSource): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < source.size; start += stepBytes) {
    yield await source.read(start, Math.min(start + stepBytes, source.size));
  }
}

/** Whether two sources hold the same bytes. */
export async function sameBytes(one: ByteSource, other: ByteSource): Promise<boolean> {
  if (one.size !== other.size) {
    return false;
  }
  let start = 0;
  for await (const piece of pieces(one)) {
    if (Buffer.compare(piece, await other.read(start, start + piece.length)) !== 0) {
      return false;
    }
    start += piece.length;
  }
  return true;
}
