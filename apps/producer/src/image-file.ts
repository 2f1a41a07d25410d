import { hash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { parse } from 'node:path/posix';
import { assertPayloadBytes } from '@image-stream/codec';
import type { ByteSource, Image } from '@image-stream/codec';
import { fileSource, ImageIoError, inspectImage, sha256Of } from '@image-stream/image-io';
import type { FileLoader } from './file-loader.ts';
import { inspectBytes, maxBytesInMemory } from './load-file.ts';
import type { InspectedBytes } from './load-file.ts';
import type { ImageFileOptions, Pending } from './source.ts';
import type { InputFile } from './walk.ts';

/**
 * A file as an image: checked to its end without decoding it, and sent as it is. Its id is its name, by which people
 * recognise it, with 24 hex digits of the SHA-256 of its relative path, its modification time in milliseconds since 1970, and the
 * SHA-256 of its content in hex, with NULs between them. The time is in there because the path has its date: a file that is sent again is the same
 * image on the same path, and a file with another time is another image.
 *
 * @param size in bytes, as far as is known
 */
export function imageFile(
  { path, relativePath }: InputFile,
  options: ImageFileOptions & { readonly files: Pick<FileLoader, 'load'> },
  size: number,
): Pending {
  return { name: path, bytes: Math.min(size, maxBytesInMemory), load };

  async function load() {
    const { mtime, image } = await options.files.load(path, size);
    const content = image ?? (await fileSource(await realpath(path)));
    return namedImage({ relativePath, mtime, content }, options);
  }
}

/** An image as it lies somewhere: by which path, since when, and what. */
interface NamedContent {
  readonly relativePath: string;
  readonly mtime: Date;
  /** In memory, checked already or not, or read again while it travels. */
  readonly content: Buffer | InspectedBytes | ByteSource;
}

/** What lies somewhere as an image, with the id that `imageFile` describes. @throws Error where it is none */
export async function namedImage(
  { relativePath, mtime, content }: NamedContent,
  options: ImageFileOptions,
): Promise<Image> {
  const customerId = options.customerOf(relativePath);
  assertShown(mtime);
  const inspected = await inspect(content, options);
  const idHash = hash('sha256', `${relativePath}\0${mtime.getTime()}\0${inspected.sha256}`);
  const { base, name } = parse(relativePath);
  return {
    id: `${name}-${idHash.slice(0, 24)}`,
    customerId,
    createdAt: mtime,
    filename: base,
    content: inspected,
  };
}

async function inspect(content: NamedContent['content'], options: ImageFileOptions) {
  if (Buffer.isBuffer(content)) {
    return inspectBytes(content, options);
  }
  if ('bytes' in content) {
    return content;
  }
  assertPayloadBytes(content.size, options);
  const { mediaType } = await inspectImage(content, options);
  return { mediaType, source: content, sha256: await sha256Of(content) };
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
