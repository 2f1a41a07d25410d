import { ImageIoError } from '../errors.ts';
import { looksOf } from './avif-looks.ts';
import type { Looks } from './avif-looks.ts';
import { inspectTracks } from './avif-tracks.ts';
import { boxesBelow, boxesIn } from './boxes.ts';
import type { Box } from './boxes.ts';
import { Truncated } from './reader.ts';
import type { Range, Reader, Structure } from './reader.ts';

/** The table of places of an image has a few entries; one in tiles, thousands. */
const maxTableBytes = 1024 ** 2;

/**
 * AVIF: boxes, one of which says where the data of each item is, and another of a sequence where its samples are; all of
 * them must lie within the file. What follows the boxes does not matter, as it does not for decoders. The dimensions are
 * those of the largest item or track. https://aomediacodec.github.io/av1-avif/
 */
export async function inspectAvif(reader: Reader): Promise<Structure> {
  const boxes = await boxesIn(reader, 0, reader.size);
  const meta = boxes.find(({ type }) => type === 'meta');
  const movie = boxes.find(({ type }) => type === 'moov');
  if (meta === undefined && movie === undefined) {
    throw new Truncated();
  }
  const { pictures, ...looks } = meta === undefined ? { pictures: [] } : await inspectItems(reader, meta);
  const found = [...pictures, ...(movie === undefined ? [] : await inspectTracks(reader, movie))].toSorted(
    (one, other) => other.width * other.height - one.width * one.height,
  );
  if (found[0] === undefined) {
    throw new ImageIoError('INVALID_IMAGE', 'AVIF file does not say how large its image is');
  }
  const frames = Math.max(...found.map((one) => one.frames));
  return {
    ...found[0],
    frames,
    ...looks,
    ...(frames > 1 && { onlyOriginal: `holds a sequence of ${frames} frames` }),
  };
}

/** The pictures of a file that is no sequence, and how the one looks that is shown. */
async function inspectItems(reader: Reader, meta: Box): Promise<Looks & { pictures: Structure[] }> {
  // Version and flags come before the boxes.
  const content = { ...meta, start: meta.start + 4 };
  const [places] = await boxesBelow(reader, content, 'iloc');
  if (places === undefined) {
    return { pictures: [] };
  }
  const [store] = await boxesBelow(reader, content, 'idat');
  const data = await dataOfItems(reader, places, store);
  const sizes = await boxesBelow(reader, content, 'iprp', 'ipco', 'ispe');
  const found: Structure[] = [];
  for (const { start } of sizes) {
    const size = await reader.at(start + 4, 8);
    found.push({ width: size.readUInt32BE(0), height: size.readUInt32BE(4), frames: 1 });
  }
  return { pictures: found, ...(await looksOf(reader, content, data)) };
}

/**
 * Where the data of each item begins, after making sure that all of it lies within the file, or within the box of small data.
 * ISO/IEC 14496-12, 8.11.3
 */
async function dataOfItems(
  reader: Reader,
  { start, end }: Box,
  store: Box | undefined,
): Promise<ReadonlyMap<number, Range>> {
  if (end - start > maxTableBytes) {
    throw new ImageIoError('LIMIT_EXCEEDED', `AVIF file has a table of places of ${end - start} bytes`);
  }
  const table = await reader.at(start, end - start);
  let position = 6;
  const next = (bytes: number): number => {
    position += bytes;
    return bytes === 0
      ? 0
      : bytes === 8
        ? Number(table.readBigUInt64BE(position - 8))
        : table.readUIntBE(position - bytes, bytes);
  };
  const version = table[0]!;
  const [sizes, moreSizes] = [table[4]!, table[5]!];
  const [offsetBytes, lengthBytes, baseBytes] = [sizes >> 4, sizes & 15, moreSizes >> 4];
  const indexBytes = version === 0 ? 0 : moreSizes & 15;
  const found = new Map<number, Range>();
  for (let items = next(version < 2 ? 2 : 4); items > 0; items--) {
    const id = next(version < 2 ? 2 : 4);
    const method = version === 0 ? 0 : next(2) & 15;
    const isElsewhere = next(2) !== 0 || method > 1;
    const base = next(baseBytes);
    for (let extents = next(2); extents > 0; extents--) {
      next(indexBytes);
      const from = base + next(offsetBytes);
      const to = from + next(lengthBytes);
      const within = method === 0 ? { start: 0, end: reader.size } : (store ?? { start: 0, end: 0 });
      if (!isElsewhere && within.start + to > within.end) {
        throw new Truncated();
      }
      if (!isElsewhere && !found.has(id)) {
        found.set(id, { start: within.start + from, end: within.start + to });
      }
    }
  }
  return found;
}
