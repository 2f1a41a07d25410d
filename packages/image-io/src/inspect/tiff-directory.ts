import { ImageIoError } from '../errors.ts';
import { Truncated } from './reader.ts';
import type { Reader } from './reader.ts';

/** How numbers are written in a TIFF file. */
export interface Layout {
  readonly isLittle: boolean;
  /** BigTIFF: offsets and counts have 64 bits. https://www.awaresystems.be/imaging/tiff/bigtiff.html */
  readonly isBig: boolean;
}

/** What one directory of a TIFF file says, by tag. */
export interface Directory {
  /** How many values a tag has; 0 where it is not there. */
  count(tag: number): number;
  /** Values of a tag, as whole numbers of zero or more. @throws Truncated where they are not within the file */
  numbers(tag: number, first: number, length: number): Promise<number[]>;
  /** The first value of a tag. */
  number(tag: number, otherwise: number): Promise<number>;
  /** Where the next directory is; 0 for none. */
  readonly next: number;
  /** Where the last of it and of its values ends; without values that are not within the file. */
  readonly end: number;
}

interface Entry {
  readonly type: number;
  readonly count: number;
  /** Where the values are. */
  readonly start: number;
}

/** Bytes of a value of the types that are whole numbers of zero or more: BYTE, SHORT, LONG, UNDEFINED, IFD, LONG8, IFD8. */
const typeBytes: Record<number, number> = { 1: 1, 3: 2, 4: 4, 7: 1, 13: 4, 16: 8, 18: 8 };

/** Bytes of a value of any other type; https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf, page 15. */
const otherTypeBytes: Record<number, number> = {
  2: 1,
  5: 8,
  6: 1,
  8: 2,
  9: 4,
  10: 8,
  11: 4,
  12: 8,
  17: 8,
};

/** The tags without which no decoder knows what the pixels are; of one that points outside, the file is cut off. */
const neededTags = new Set([
  256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339, 347, 519,
  520, 521, 529, 530, 532,
]);

/**
 * Reads a directory. What its tags point to is read when it is asked for: a tag that nobody needs may point anywhere, as
 * it may for decoders. The pointer to the next directory may be missing at the end of the file.
 */
export async function directoryAt(reader: Reader, layout: Layout, place: number): Promise<Directory> {
  const { isBig } = layout;
  const countBytes = isBig ? 8 : 2;
  const entryBytes = isBig ? 20 : 12;
  const inline = isBig ? 8 : 4;
  const entryCount = numberIn(await reader.at(place, countBytes), layout, 0, countBytes);
  if (entryCount > 65_535) {
    throw new ImageIoError('INVALID_IMAGE', `TIFF directory at byte ${place} has ${entryCount} entries`);
  }
  const table = await reader.at(place + countBytes, entryCount * entryBytes);
  const entries = new Map<number, Entry>();
  let valuesEnd = 0;
  for (let at = 0; at < table.length; at += entryBytes) {
    const type = numberIn(table, layout, at + 2, 2);
    const count = numberIn(table, layout, at + 4, inline);
    const value = at + 4 + inline;
    const bytes = count * (typeBytes[type] ?? otherTypeBytes[type] ?? 1);
    const start = bytes <= inline ? place + countBytes + value : numberIn(table, layout, value, inline);
    const tag = numberIn(table, layout, at, 2);
    if (neededTags.has(tag) && start + bytes > reader.size) {
      throw new Truncated();
    }
    entries.set(tag, { type, count, start });
    valuesEnd = Math.max(valuesEnd, start + bytes <= reader.size ? start + bytes : 0);
  }
  const end = place + countBytes + table.length;
  const next = end + inline > reader.size ? 0 : numberIn(await reader.at(end, inline), layout, 0, inline);

  const numbers = async (tag: number, first: number, length: number): Promise<number[]> => {
    if (length === 0) {
      return [];
    }
    const { type, start } = entries.get(tag)!;
    const bytes = typeBytes[type];
    if (bytes === undefined) {
      throw new ImageIoError('INVALID_IMAGE', `TIFF file has a number of type ${type} in tag ${tag}`);
    }
    const values = await reader.at(start + first * bytes, length * bytes);
    return Array.from({ length }, (_one, index) => numberIn(values, layout, index * bytes, bytes));
  };
  const count = (tag: number): number => entries.get(tag)?.count ?? 0;
  return {
    count,
    numbers,
    number: async (tag, otherwise) => (count(tag) === 0 ? otherwise : (await numbers(tag, 0, 1))[0]!),
    next,
    end: Math.max(valuesEnd, Math.min(end + inline, reader.size)),
  };
}

/** A whole number of zero or more. */
export function numberIn(bytes: Buffer, { isLittle }: Layout, at: number, length: number): number {
  if (length === 8) {
    return Number(isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  }
  return isLittle ? bytes.readUIntLE(at, length) : bytes.readUIntBE(at, length);
}
