import { byteSource } from '@image-stream/codec';
import { ImageIoError } from '../errors.ts';
import { createReader, Truncated } from './reader.ts';
import type { Reader } from './reader.ts';
import { directoryAt, numberIn } from './tiff-directory.ts';

const entriesTag = 0xb002;
const entryBytes = 16;

/**
 * Where other pictures begin, in the order in which they lie in the file. A segment of the first one, in the form of a
 * TIFF directory, says where they are, from its own beginning on. It says how large they are, too, but writers get that
 * wrong. What it says badly is left out, as decoders do. CIPA DC-007, Multi-Picture Format, 5.2
 */
export async function otherPictures(
  reader: Reader,
  segment: { readonly start: number; readonly end: number },
): Promise<number[]> {
  const index = await reader.at(segment.start, segment.end - segment.start);
  const offsets = await offsetsIn(index).catch((error: unknown) => {
    if (error instanceof Truncated || error instanceof ImageIoError) {
      return [];
    }
    throw error;
  });
  return offsets
    .filter((offset) => offset > 0)
    .map((offset) => segment.start + offset)
    .toSorted((one, other) => one - other);
}

async function offsetsIn(index: Buffer): Promise<number[]> {
  const reader = createReader(byteSource(index));
  const layout = { isLittle: index[0] === 0x49, isBig: false };
  const directory = await directoryAt(reader, layout, numberIn(await reader.at(4, 4), layout, 0, 4));
  const entries = Buffer.from(await directory.numbers(entriesTag, 0, directory.count(entriesTag)));
  const count = Math.floor(entries.length / entryBytes);
  return Array.from({ length: count }, (_one, entry) => numberIn(entries, layout, entry * entryBytes + 8, 4));
}
