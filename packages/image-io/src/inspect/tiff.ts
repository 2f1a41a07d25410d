import { ImageIoError } from '../errors.ts';
import { Truncated } from './reader.ts';
import type { Reader, Structure } from './reader.ts';

/** Pages of a file; a loop ends here. */
const maxDirectories = 65_536;

/** Strips or tiles of one page. */
const maxPieces = 4_000_000;

/** Bytes of a value of each type; https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf, page 15, and BigTIFF. */
const typeBytes: Record<number, number> = {
  1: 1,
  2: 1,
  3: 2,
  4: 4,
  5: 8,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  10: 8,
  11: 4,
  12: 8,
  13: 4,
  16: 8,
  17: 8,
  18: 8,
};

/** The types that are whole numbers of zero or more: SHORT, LONG, IFD, LONG8, IFD8. */
const unsigned = new Set([3, 4, 13, 16, 18]);

interface Layout {
  readonly isLittle: boolean;
  /** BigTIFF: offsets and counts have 64 bits. https://www.awaresystems.be/imaging/tiff/bigtiff.html */
  readonly isBig: boolean;
}

interface Entry {
  readonly type: number;
  readonly count: number;
  /** Where the values are. */
  readonly start: number;
}

/**
 * TIFF: a chain of directories, each of which says where the strips or tiles of a page are; all of them must
 * lie within the file. The dimensions are those of the largest page; smaller copies of pages are not counted.
 */
export async function inspectTiff(reader: Reader): Promise<Structure> {
  const header = await reader.at(0, 8);
  const isLittle = header[0] === 0x49;
  const isBig = (isLittle ? header.readUInt16LE(2) : header.readUInt16BE(2)) === 43;
  const layout = { isLittle, isBig };
  const seen = new Set<number>();
  let largest = { width: 0, height: 0 };
  let frames = 0;
  let pieces = 0;
  let position = await numberAt(reader, layout, isBig ? 8 : 4, isBig ? 8 : 4);
  while (position !== 0) {
    if (seen.has(position) || seen.size >= maxDirectories) {
      throw new ImageIoError('INVALID_IMAGE', `TIFF file comes back to the directory at byte ${position}`);
    }
    seen.add(position);
    const { entries, next } = await directoryAt(reader, layout, position);
    const size = {
      width: await single(reader, layout, entries.get(256)),
      height: await single(reader, layout, entries.get(257)),
    };
    if (size.width * size.height > largest.width * largest.height) {
      largest = size;
    }
    // The first bit marks a smaller copy of another page, as in a pyramid.
    frames += (await single(reader, layout, entries.get(254))) & 1 ? 0 : 1;
    pieces += entries.get(273)?.count ?? entries.get(324)?.count ?? 0;
    if (pieces > reader.size) {
      // Each piece takes bytes in a table, so pages must share theirs: reading them all is work without bound.
      throw new ImageIoError(
        'INVALID_IMAGE',
        `TIFF file of ${reader.size} bytes announces ${pieces} or more strips or tiles`,
      );
    }
    await assertPieces(reader, layout, entries);
    position = next;
  }
  return { ...largest, frames: Math.max(1, frames) };
}

async function directoryAt(
  reader: Reader,
  layout: Layout,
  place: number,
): Promise<{ entries: Map<number, Entry>; next: number }> {
  const { isBig } = layout;
  const countBytes = isBig ? 8 : 2;
  const entryBytes = isBig ? 20 : 12;
  const inline = isBig ? 8 : 4;
  const count = await numberAt(reader, layout, place, countBytes);
  if (count > 65_535) {
    throw new ImageIoError('INVALID_IMAGE', `TIFF directory at byte ${place} has ${count} entries`);
  }
  const entries = new Map<number, Entry>();
  for (let index = 0; index < count; index++) {
    const entry = place + countBytes + index * entryBytes;
    const type = await numberAt(reader, layout, entry + 2, 2);
    const values = await numberAt(reader, layout, entry + 4, inline);
    const value = entry + 4 + inline;
    const bytes = values * (typeBytes[type] ?? 1);
    const start = bytes <= inline ? value : await numberAt(reader, layout, value, inline);
    if (start + bytes > reader.size) {
      throw new Truncated();
    }
    entries.set(await numberAt(reader, layout, entry, 2), { type, count: values, start });
  }
  return { entries, next: await numberAt(reader, layout, place + countBytes + count * entryBytes, inline) };
}

/** That each strip (tags 273 and 279) or tile (324 and 325) lies within the file. */
async function assertPieces(reader: Reader, layout: Layout, entries: Map<number, Entry>): Promise<void> {
  const offsets = entries.get(273) ?? entries.get(324);
  const lengths = entries.get(279) ?? entries.get(325);
  if (
    offsets === undefined ||
    lengths === undefined ||
    offsets.count !== lengths.count ||
    offsets.count === 0
  ) {
    throw new ImageIoError('INVALID_IMAGE', 'TIFF file does not say where its pixels are');
  }
  if (offsets.count > maxPieces) {
    throw new ImageIoError(
      'LIMIT_EXCEEDED',
      `TIFF page of ${offsets.count} pieces exceeds the limit of ${maxPieces}`,
    );
  }
  // The tables lie apart, and the reader has one window: a stretch of each in turn.
  const step = 4096;
  for (let first = 0; first < offsets.count; first += step) {
    const length = Math.min(step, offsets.count - first);
    const starts = await numbers(reader, layout, offsets, first, length);
    const sizes = await numbers(reader, layout, lengths, first, length);
    if (starts.some((start, index) => start + sizes[index]! > reader.size)) {
      throw new Truncated();
    }
  }
}

async function numbers(
  reader: Reader,
  layout: Layout,
  { type, start }: Entry,
  first: number,
  length: number,
): Promise<number[]> {
  const bytes = typeBytes[type]!;
  if (!unsigned.has(type)) {
    throw new ImageIoError('INVALID_IMAGE', `TIFF file has a number of type ${type}`);
  }
  const table = await reader.at(start + first * bytes, length * bytes);
  return Array.from({ length }, (_one, index) => numberIn(table, layout, index * bytes, bytes));
}

async function single(reader: Reader, layout: Layout, entry: Entry | undefined): Promise<number> {
  return entry === undefined ? 0 : (await numbers(reader, layout, entry, 0, 1))[0]!;
}

async function numberAt(reader: Reader, layout: Layout, start: number, length: number): Promise<number> {
  return numberIn(await reader.at(start, length), layout, 0, length);
}

function numberIn(bytes: Buffer, { isLittle }: Layout, at: number, length: number): number {
  if (length === 8) {
    return Number(isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  }
  return isLittle ? bytes.readUIntLE(at, length) : bytes.readUIntBE(at, length);
}
