import { byteSource } from '@image-stream/codec';
import { ImageIoError } from '../errors.ts';
import { createReader, Truncated } from '../inspect/reader.ts';
import type { Reader } from '../inspect/reader.ts';
import { directoryAt, numberIn } from '../inspect/tiff-directory.ts';
import { EndOfStream } from './byte-queue.ts';
import type { ByteQueue } from './byte-queue.ts';
import { findStart } from './start.ts';

/** Tags that say where something is, and how long it is: strips, tiles, a JPEG. */
const pieces = [
  [273, 279],
  [324, 325],
  [513, 514],
] as const;

const subIfds = 330;

/** Tags that point to directories of notes: Exif, GPS, Interoperability. */
const notes = [34_665, 34_853, 40_965];

/** Far more than a file has; a chain of them may lead anywhere. */
const maxDirectories = 65_536;

/**
 * TIFF does not say how long it is, but where everything is, in any order. So it is read until all of that has come and another
 * image follows, or to the end of the stream. It is looked at when twice as much is there.
 */
export async function passTiff(bytes: ByteQueue): Promise<void> {
  for (let wanted = 65_536; ; wanted *= 2) {
    const isAll = !(await bytes.has(Math.min(wanted, bytes.maxBytes + 1)));
    const ahead = bytes.inHand();
    const end = await endIn(ahead, isAll);
    const next = end === undefined ? -1 : findStart(ahead.subarray(end));
    if (end !== undefined && next >= 0) {
      await bytes.skip(end);
      return;
    }
    if (isAll && end === undefined) {
      throw new EndOfStream();
    }
    if (isAll || ahead.length > bytes.maxBytes) {
      await bytes.skip(ahead.length);
      return;
    }
  }
}

/** Where the last part of it ends; undefined where that has not come. */
async function endIn(ahead: Buffer, isAll: boolean): Promise<number | undefined> {
  try {
    return await lastEnd(createReader(byteSource(ahead)), isAll);
  } catch (error) {
    if (error instanceof Truncated) {
      return undefined;
    }
    if (error instanceof RangeError || error instanceof TypeError) {
      throw new ImageIoError('INVALID_IMAGE', `TIFF is damaged: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

async function lastEnd(reader: Reader, isAll: boolean): Promise<number> {
  const header = await reader.at(0, 16 > reader.size ? 8 : 16);
  const isLittle = header[0] === 0x49;
  const isBig = (isLittle ? header.readUInt16LE(2) : header.readUInt16BE(2)) === 43;
  const layout = { isLittle, isBig };
  const seen = new Set<number>();
  let last = 0;
  const follow = async (start: number): Promise<void> => {
    for (let place = start; place !== 0 && !seen.has(place) && seen.size < maxDirectories;) {
      seen.add(place);
      const directory = await directoryAt(reader, layout, place);
      last = Math.max(last, directory.end);
      for (const [startsTag, lengthsTag] of pieces) {
        const count = Math.min(directory.count(startsTag), directory.count(lengthsTag));
        const starts = await directory.numbers(startsTag, 0, count);
        const lengths = await directory.numbers(lengthsTag, 0, count);
        last = starts.reduce((end, at, index) => Math.max(end, at + lengths[index]!), last);
      }
      for (const other of await directory.numbers(subIfds, 0, directory.count(subIfds))) {
        await follow(other);
      }
      for (const tag of notes) {
        await directory
          .number(tag, 0)
          .then(follow)
          .catch((error: unknown) => {
            // No decoder needs them, so they may point anywhere.
            if (!isAll) {
              throw error;
            }
          });
      }
      place = directory.next;
    }
  };
  await follow(isBig ? numberIn(header, layout, 8, 8) : numberIn(header, layout, 4, 4));
  if (last > reader.size) {
    throw new Truncated();
  }
  return last;
}
