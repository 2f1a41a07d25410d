import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
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
 * @throws what the file system says, such as `ENOENT`, or `ELOOP` for a symbolic link, and ImageIoError `INVALID_IMAGE` for what is not
 * a file; so does each read, also when the file has become shorter
 */
export async function fileSource(path: string): Promise<FileSource> {
  return {
    path,
    size: await withFile(path, async (file) => (await file.stat()).size),
    read: (start, end) => withFile(path, (file) => readFully(file, path, start, end)),
  };
}

/** True for a source that is a file. */
export function isFileSource(source: ByteSource): source is FileSource {
  return 'path' in source;
}

/** Node.js ends with a failed assertion where more than 2 GiB are asked for at once. */
const maxReadBytes = 1024 ** 3;

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
    const { bytesRead } = await file.read(
      bytes,
      filled,
      Math.min(bytes.length - filled, maxReadBytes),
      start + filled,
    );
    if (bytesRead === 0) {
      throw becameShorter(path);
    }
    filled += bytesRead;
  }
  return bytes;
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await openFile(path, constants.O_NOFOLLOW);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** How long, and how often, to ask for a file that another process holds. Linux takes it from that process after 45 s. */
const heldMs = 60_000;
const askMs = 100;

/**
 * Opens a file to read it. What else may stand there is not waited for: to open a pipe takes until somebody writes into it, and holds a
 * thread of the pool, and with it the end of the process, as long.
 *
 * @param flags in addition, of `node:fs`
 * @throws ImageIoError `INVALID_IMAGE` for what is not a file, and what the file system says
 */
export async function openFile(path: string, flags = 0): Promise<FileHandle> {
  const file = await openAtOnce(path, flags, open);
  if (!(await file.stat()).isFile()) {
    await file.close();
    throw notAFile();
  }
  return file;
}

async function openAtOnce<T>(
  path: string,
  flags: number,
  how: (path: string, flags: number) => T | Promise<T>,
): Promise<T> {
  for (let waited = 0; ; waited += askMs) {
    try {
      return await how(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENXIO') {
        throw notAFile();
      }
      // Without blocking, a lease that a file server has on a file is not waited for.
      if (code !== 'EAGAIN' || waited >= heldMs) {
        throw error;
      }
      await sleep(askMs);
    }
  }
}

/**
 * Reads a whole file on this thread, which waits for the disk: for a thread that has nothing else to do. Trips to the threads that Node.js
 * has for files take longer than to read a small one.
 *
 * @param maxBytes of a larger file, nothing is read
 * @throws as `openFile` and `readFully`
 */
export async function readFileHere(
  path: string,
  maxBytes: number,
): Promise<{ readonly mtime: Date; readonly bytes?: Buffer }> {
  const file = await openAtOnce(path, 0, openSync);
  try {
    const found = fstatSync(file);
    if (!found.isFile()) {
      throw notAFile();
    }
    const { mtime, size } = found;
    if (size > maxBytes) {
      return { mtime };
    }
    // Its memory is its own, so that it can be given to another thread.
    const bytes = Buffer.allocUnsafeSlow(size);
    for (let filled = 0; filled < size;) {
      const read = readSync(file, bytes, filled, Math.min(size - filled, maxReadBytes), filled);
      if (read === 0) {
        throw becameShorter(path);
      }
      filled += read;
    }
    return { mtime, bytes };
  } finally {
    closeSync(file);
  }
}

function becameShorter(path: string): ImageIoError {
  return new ImageIoError('INVALID_IMAGE', `${path} became shorter while it was read`);
}

function notAFile(): ImageIoError {
  return new ImageIoError('INVALID_IMAGE', 'is not a file');
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
