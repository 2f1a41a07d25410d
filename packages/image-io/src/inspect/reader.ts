import { setImmediate } from 'node:timers/promises';
import type { ByteSource } from '@image-stream/codec';

/** What a file's structure says about its image. */
export interface Structure {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Images of an animation, pages of a document; 1 for a single image. */
  readonly frames: number;
}

/** The file ends before its structure does. */
export class Truncated extends Error {}

/** Random access to a file that is read in windows. */
export interface Reader {
  readonly size: number;
  /** Exactly `length` bytes. @throws Truncated where there are fewer */
  at(start: number, length: number): Promise<Buffer>;
  /** At most `length` bytes; fewer at the end. */
  upTo(start: number, length: number): Promise<Buffer>;
}

const windowBytes = 65_536;

/** A reader that keeps one window in memory, since structures lie close together. */
export function createReader(source: ByteSource): Reader {
  let window: Buffer = Buffer.alloc(0);
  let windowStart = 0;

  const upTo = async (start: number, length: number): Promise<Buffer> => {
    const end = Math.min(start + length, source.size);
    if (start >= end) {
      return Buffer.alloc(0);
    }
    if (start < windowStart || end > windowStart + window.length) {
      // A source in memory never leaves the microtasks: let other events run before the next window.
      await setImmediate();
      const bytes = await source.read(start, Math.min(Math.max(end, start + windowBytes), source.size));
      window = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      windowStart = start;
    }
    return window.subarray(start - windowStart, end - windowStart);
  };
  return {
    size: source.size,
    upTo,
    async at(start, length) {
      if (start < 0 || start + length > source.size) {
        throw new Truncated();
      }
      return upTo(start, length);
    },
  };
}
