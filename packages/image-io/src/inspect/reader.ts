import { setImmediate } from 'node:timers/promises';
import type { ByteSource } from '@image-stream/codec';
import { ImageIoError } from '../errors.ts';

/** What a file's structure says about its image. */
export interface Structure {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Images of an animation, pages of a document; 1 for a single image. */
  readonly frames: number;
  /** The pages of which only a decoder knows whether they can be decoded. Default: none. */
  readonly undecided?: readonly number[];
  /** What the file holds that re-encoding would lose or show wrongly, as "it ..."; such an image can only be kept as it is. */
  readonly onlyOriginal?: string | undefined;
  /** The first of the pages that are `frames`, which follow each other. Default: 0 */
  readonly firstPage?: number;
  /** Whether decoders only warn of pixels that are damaged. Default: false */
  readonly hidesDamage?: boolean;
  /** Bytes between segments that decoders skip, and complain about. Default: none */
  readonly strayBytes?: readonly Range[];
  /** Whether black is 16 of 255 and white 235, and the decoder leaves it at that. Default: false */
  readonly isLimitedGrey?: boolean;
  readonly isLimitedAlpha?: boolean;
}

/** A part of a file; its end is behind its last byte. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The file ends before its structure does. */
export class Truncated extends Error {}

/**
 * Random access to a file that is read in blocks. Its work is bounded, whatever the file says: no block is read while
 * other events wait, and what is asked for at chosen places is a few times the file at most.
 *
 * What is at hand comes without a promise, since a structure may consist of millions of small parts.
 */
export interface Reader {
  readonly size: number;
  /**
   * Exactly `length` bytes.
   *
   * @throws Truncated where there are fewer
   * @throws ImageIoError `INVALID_IMAGE` for a structure that leads to the same bytes again and again
   */
  at(start: number, length: number): Buffer | Promise<Buffer>;
  /** The bytes that can be had at once, one or more. @throws Truncated at the end */
  from(start: number): Buffer | Promise<Buffer>;
  /**
   * Passes from front to back over parts, of which there may be millions. `next` gets the bytes that can be had at once,
   * where in them the next part begins, and where in the file; `least` bytes of it are there, unless the file ends. It
   * says how long the part is, or undefined to end before `end`.
   *
   * @throws Truncated where the file ends before
   */
  pass(
    range: { readonly start: number; readonly end: number; readonly least: number },
    next: (bytes: Buffer, index: number, position: number) => number | undefined,
  ): Promise<void>;
}

const blockBytes = 65_536;

/** A structure and the tables that it points to lie in a few places; 1 MiB in all. */
const maxBlocks = 16;

/** A chain of directories may lead back and forth, and a part be looked at twice; a legitimate file is below 2. */
const maxReadsOfFile = 4;

/** Bytes that are looked at between two turns of the event loop, within a millisecond or two. */
const bytesPerTurn = 65_536;

/** What a call costs beside the bytes that it gives. */
const callBytes = 32;

/** A reader of a source. It keeps the blocks that it read last. */
export function createReader(source: ByteSource): Reader {
  const { size } = source;
  const blocks = new Map<number, Buffer>();
  /** The block of the last call, which is mostly that of the next, too. */
  let current: Buffer = Buffer.alloc(0);
  let currentStart = 0;
  /** Since the last turn of the event loop. */
  let turnBytes = 0;
  let requestedBytes = 0;

  const blockAt = async (start: number): Promise<Buffer> => {
    let block = blocks.get(start);
    if (block === undefined) {
      turnBytes += blockBytes;
      const { buffer, byteOffset, byteLength } = await source.read(start, Math.min(start + blockBytes, size));
      block = Buffer.from(buffer, byteOffset, byteLength);
    }
    blocks.delete(start);
    blocks.set(start, block);
    if (blocks.size > maxBlocks) {
      blocks.delete(blocks.keys().next().value!);
    }
    [current, currentStart] = [block, start];
    return block;
  };
  const isAtHand = (start: number, end: number): boolean => {
    return turnBytes < bytesPerTurn && start >= currentStart && end <= currentStart + current.length;
  };
  const load = async (start: number, end: number): Promise<Buffer> => {
    if (turnBytes >= bytesPerTurn) {
      // What is in memory never leaves the microtasks: let other events run.
      turnBytes = 0;
      await setImmediate();
    }
    const first = start - (start % blockBytes);
    if (end <= first + blockBytes) {
      return (await blockAt(first)).subarray(start - first, end - first);
    }
    const bytes = Buffer.allocUnsafe(end - start);
    for (let place = first; place < end; place += blockBytes) {
      const block = await blockAt(place);
      block.copy(bytes, Math.max(0, place - start), Math.max(0, start - place), end - place);
    }
    return bytes;
  };
  const from = (start: number, least: number): Buffer | Promise<Buffer> => {
    if (start < 0 || start >= size) {
      throw new Truncated();
    }
    turnBytes += callBytes;
    const end = Math.min(start + least, size);
    if (isAtHand(start, end)) {
      return current.subarray(start - currentStart);
    }
    return load(start, Math.max(end, Math.min(start - (start % blockBytes) + blockBytes, size)));
  };
  return {
    size,
    at(start, length) {
      const end = start + length;
      if (start < 0 || end > size) {
        throw new Truncated();
      }
      turnBytes += callBytes + length;
      requestedBytes += length;
      if (requestedBytes > maxReadsOfFile * size + blockBytes) {
        throw new ImageIoError(
          'INVALID_IMAGE',
          `structure leads to the same bytes again and again: ${requestedBytes} bytes of a file of ${size}`,
        );
      }
      return isAtHand(start, end)
        ? current.subarray(start - currentStart, end - currentStart)
        : load(start, end);
    },
    from: (start) => from(start, 1),
    async pass({ start, end, least }, next) {
      for (let position = start; position < end;) {
        const bytes = await from(position, least);
        // At the end of the file, less than the least is all there is.
        const last = position + bytes.length === size ? bytes.length - 1 : bytes.length - least;
        for (let index = 0; index <= last;) {
          const length = next(bytes, index, position);
          if (length === undefined || position + length >= end) {
            return;
          }
          index += length;
          position += length;
        }
      }
    },
  };
}
