import { hash } from 'node:crypto';
import { statSync } from 'node:fs';
import { assertPayloadBytes, byteSource } from '@image-stream/codec';
import { inspectImage, readFileHere } from '@image-stream/image-io';
import type { InspectOptions } from '@image-stream/image-io';

/** A file up to this size is read once; a larger one is read while it travels. */
export const maxBytesInMemory = 16 * 1024 ** 2;

/** What is checked as a file is loaded. */
export interface LoadOptions extends InspectOptions {
  readonly maxImageBytes?: number | undefined;
}

/** A file as it was when it was loaded. */
export interface LoadedFile {
  readonly mtime: Date;
  /** Absent of a file that is too large for the memory: of that one, nothing but its time is known. */
  readonly image?: InspectedBytes;
}

/** An image in memory that was checked to its end. */
export interface InspectedBytes {
  readonly bytes: Buffer;
  readonly mediaType: string;
  /** Of `bytes`, lower-case hex. */
  readonly sha256: string;
}

/** How many bytes a file has, as far as anybody can tell: what is wrong with it, whoever loads it is told. */
export function sizeOfFile(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Reads, checks and hashes a file on this thread.
 *
 * @throws what the file system says; ImageIoError and CodecError for what is no image, or larger than allowed
 */
export async function loadFile(path: string, options: LoadOptions): Promise<LoadedFile> {
  const { mtime, bytes } = await readFileHere(path, maxBytesInMemory);
  return bytes === undefined ? { mtime } : { mtime, image: await inspectBytes(bytes, options) };
}

/** Checks and hashes an image in memory. @throws ImageIoError and CodecError as `loadFile` */
export async function inspectBytes(bytes: Buffer, options: LoadOptions): Promise<InspectedBytes> {
  assertPayloadBytes(bytes.length, options);
  const { mediaType } = await inspectImage(byteSource(bytes), options);
  return { bytes, mediaType, sha256: hash('sha256', bytes) };
}
