import { randomUUID } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  assertPayloadBytes,
  npyHeadBytes,
  npyMediaType,
  readNpyHeader,
  resolveLimits,
  sniffMediaType,
} from '@image-stream/codec';
import type { ByteSource } from '@image-stream/codec';
import { ImageIoError, readFully } from '@image-stream/image-io';
import type { ImageFileOptions } from '../source.ts';
import type { Member } from './member.ts';

/** An image in an archive, for as long as it is needed. */
export interface Held {
  readonly member: Member;
  /** In memory, or where they can be read at any time. */
  readonly content: Buffer | ByteSource;
  /** Gives back the place that they take on disk. */
  readonly dispose: () => Promise<void>;
}

/** Enough of a member to tell whether it is an image. */
const headBytes = npyHeadBytes;

/** A member up to this size is read when it is come across, with others around it. */
const smallBytes = 256 * 1024;

/**
 * The bytes of a member that is an image; of any other, its first ones.
 *
 * @param room bytes of memory that there are: what has to be read now and is larger goes to a file
 * @throws Error where it cannot be read, or has not the bytes that it declares
 */
export async function holdImage(
  member: Member,
  room: number,
  limits: Pick<ImageFileOptions, 'maxImageBytes' | 'raisedBy'>,
): Promise<Held | Buffer> {
  const { content, size } = member;
  if (content !== undefined && size > smallBytes) {
    const { buffer, byteOffset, byteLength } = await content.read(0, Math.min(size, headBytes));
    const head = Buffer.from(buffer, byteOffset, byteLength);
    return isImage(head) ? { member, content, dispose: nothing } : head;
  }
  const chunks = atLeast(member.bytes(), headBytes);
  try {
    const head = (await chunks.next()).value ?? Buffer.alloc(0);
    if (!isImage(head)) {
      return head.subarray(0, headBytes);
    }
    assertPayloadBytes(size, limits);
    const all = prepended(head, chunks);
    return size <= room
      ? { member, content: await inMemory(all, size), dispose: nothing }
      : { member, ...(await onDisk(all, size)) };
  } finally {
    await chunks.return(undefined);
  }
}

/** All bytes of a small member. */
export function readMember({ size, bytes }: Member): Promise<Buffer> {
  return inMemory(bytes(), size);
}

const nothing = async (): Promise<void> => {};

/** By its content. An array that is no picture, such as one of features, is data beside one. */
function isImage(head: Buffer): boolean {
  const mediaType = sniffMediaType(head);
  if (mediaType !== npyMediaType) {
    return mediaType !== undefined;
  }
  try {
    readNpyHeader(
      head,
      resolveLimits({ maxImagePixels: Number.MAX_SAFE_INTEGER, maxImageBytes: Number.MAX_SAFE_INTEGER }),
    );
    return true;
  } catch {
    return false;
  }
}

async function inMemory(chunks: AsyncIterable<Uint8Array>, size: number): Promise<Buffer> {
  // A copy, since what was read around it may be much more.
  const bytes = Buffer.allocUnsafe(size);
  let length = 0;
  for await (const chunk of chunks) {
    bytes.set(chunk, length);
    length += chunk.length;
  }
  assertWhole(length, size);
  return bytes;
}

/** In a file that has no name any more: however the program ends, nothing of it stays. */
async function onDisk(chunks: AsyncIterable<Uint8Array>, size: number): Promise<Omit<Held, 'member'>> {
  const path = join(tmpdir(), `image-stream-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  try {
    await unlink(path);
    let length = 0;
    for await (const chunk of chunks) {
      await writeFully(file, chunk);
      length += chunk.length;
    }
    assertWhole(length, size);
  } catch (error) {
    await file.close();
    throw error;
  }
  const content = { size, read: (start: number, end: number) => readFully(file, path, start, end) };
  return { content, dispose: () => file.close() };
}

/** A write may take less than it was given. */
async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let start = 0; start < bytes.length;) {
    start += (await file.write(bytes, start)).bytesWritten;
  }
}

function assertWhole(length: number, size: number): void {
  if (length !== size) {
    throw new ImageIoError('INVALID_IMAGE', `is cut off: the archive has ${length} of its ${size} bytes`);
  }
}

/** The same chunks, of which the first has so many bytes, or is all there is. */
async function* atLeast(chunks: AsyncIterable<Uint8Array>, least: number): AsyncGenerator<Buffer, undefined> {
  let first: Buffer | undefined = Buffer.alloc(0);
  for await (const { buffer, byteOffset, byteLength } of chunks) {
    const chunk = Buffer.from(buffer, byteOffset, byteLength);
    if (first === undefined) {
      yield chunk;
      continue;
    }
    first = first.length === 0 ? chunk : Buffer.concat([first, chunk]);
    if (first.length >= least) {
      yield first;
      first = undefined;
    }
  }
  if (first !== undefined) {
    yield first;
  }
}

async function* prepended(first: Buffer, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* chunks;
}
