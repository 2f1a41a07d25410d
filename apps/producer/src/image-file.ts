import { hash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { parse } from 'node:path/posix';
import { assertPayloadBytes, byteSource } from '@image-stream/codec';
import type { ByteSource, Image } from '@image-stream/codec';
import {
  fileSource,
  ImageIoError,
  inspectImage,
  openFile,
  readFully,
  sha256Of,
} from '@image-stream/image-io';
import type { ImageFileOptions, Pending } from './source.ts';
import type { InputFile } from './walk.ts';

/** A file up to this size is read once; a larger one is read while it travels. */
export const maxBytesInMemory = 16 * 1024 ** 2;

/**
 * A file as an image: checked to its end without decoding it, and sent as it is. Its id is its name, by which people
 * recognise it, with 24 hex digits of the SHA-256 of its relative path, its modification time in milliseconds since 1970, and the
 * SHA-256 of its content in hex, with NULs between them. The time is in there because the path has its date: a file that is sent again is the same
 * image on the same path, and a file with another time is another image.
 *
 * @param size in bytes, where it is known
 */
export async function imageFile(file: InputFile, options: ImageFileOptions, size?: number): Promise<Pending> {
  const { path, relativePath } = file;
  const expected = size ?? (await stat(path).catch(() => undefined))?.size ?? 0;
  return { name: path, bytes: Math.min(expected, maxBytesInMemory), load };

  async function load() {
    const { mtime, bytes } = await readSmall(path);
    const content = bytes ?? (await fileSource(await realpath(path)));
    return namedImage({ relativePath, mtime, content }, options);
  }
}

/** An image as it lies somewhere: by which path, since when, and what. */
interface NamedBytes {
  readonly relativePath: string;
  readonly mtime: Date;
  /** In memory, or read again while it travels. */
  readonly content: Buffer | ByteSource;
}

/** Bytes as an image, with the id that `imageFile` describes. @throws Error where they are none */
export async function namedImage(
  { relativePath, mtime, content }: NamedBytes,
  options: ImageFileOptions,
): Promise<Image> {
  const customerId = options.customerOf(relativePath);
  assertShown(mtime);
  const source = Buffer.isBuffer(content) ? byteSource(content) : content;
  assertPayloadBytes(source.size, options);
  const { mediaType } = await inspectImage(source, options);
  const sha256 = Buffer.isBuffer(content) ? hash('sha256', content) : await sha256Of(source);
  const idHash = hash('sha256', `${relativePath}\0${mtime.getTime()}\0${sha256}`);
  const { base, name } = parse(relativePath);
  return {
    id: `${name}-${idHash.slice(0, 24)}`,
    customerId,
    createdAt: mtime,
    filename: base,
    content: Buffer.isBuffer(content) ? { mediaType, bytes: content, sha256 } : { mediaType, source, sha256 },
  };
}

/** A record's time has a year of four digits, and so has the date in a path. */
function assertShown(mtime: Date): void {
  const year = mtime.getUTCFullYear();
  if (!(year >= 1 && year <= 9999)) {
    throw new ImageIoError(
      'INVALID_IMAGE',
      'its modification time is not in the years 1 to 9999; set another one with touch',
    );
  }
}

/** When a file was modified, and what is in it, unless that is too much for the memory. */
async function readSmall(path: string): Promise<{ readonly mtime: Date; readonly bytes?: Buffer }> {
  const file = await openFile(path);
  try {
    const { mtime, size } = await file.stat();
    return size > maxBytesInMemory ? { mtime } : { mtime, bytes: await readFully(file, path, 0, size) };
  } finally {
    await file.close();
  }
}
