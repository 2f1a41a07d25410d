import { byteSource } from '@image-stream/codec';
import { ImageIoError } from '../errors.ts';
import { createReader, Truncated } from './reader.ts';
import type { Range, Reader } from './reader.ts';
import { directoryAt, numberIn } from './tiff-directory.ts';

const entriesTag = 0xb002;
const entryBytes = 16;

/** A picture that an index names. */
export interface OtherPicture {
  readonly start: number;
  /** Whether it is the first one in a smaller size, for screens. */
  readonly isCopy: boolean;
}

/**
 * Where other pictures begin, in the order in which they lie in the file. A segment of the first one, in the form of a
 * TIFF directory, says where they are, from its own beginning on. It says how large they are, too, but writers get that
 * wrong. What it says badly is left out, as decoders do. CIPA DC-007, Multi-Picture Format, 5.2
 */
export async function otherPictures(reader: Reader, segment: Range): Promise<OtherPicture[]> {
  const index = await reader.at(segment.start, segment.end - segment.start);
  const pictures = await picturesIn(index).catch((error: unknown) => {
    if (error instanceof Truncated || error instanceof ImageIoError) {
      return [];
    }
    throw error;
  });
  return pictures
    .filter(({ start }) => start > 0)
    .map(({ start, isCopy }) => ({ start: segment.start + start, isCopy }))
    .toSorted((one, other) => one.start - other.start);
}

/** Their starts as they are written: from the beginning of the index on, 0 for the first picture. */
async function picturesIn(index: Buffer): Promise<OtherPicture[]> {
  const reader = createReader(byteSource(index));
  const layout = { isLittle: index[0] === 0x49, isBig: false };
  const directory = await directoryAt(reader, layout, numberIn(await reader.at(4, 4), layout, 0, 4));
  const entries = Buffer.from(await directory.numbers(entriesTag, 0, directory.count(entriesTag)));
  const count = Math.floor(entries.length / entryBytes);
  return Array.from({ length: count }, (_one, entry) => ({
    start: numberIn(entries, layout, entry * entryBytes + 8, 4),
    // Of the type code: 0x010001 and 0x010002 are large thumbnails. 5.2.3.3.1
    isCopy: (numberIn(entries, layout, entry * entryBytes, 4) & 0xff_fff0) === 0x01_0000,
  }));
}
