import { ImageIoError } from '../errors.ts';
import { Truncated } from './reader.ts';
import type { Reader, Structure } from './reader.ts';

const stepBytes = 65_536;

/**
 * JPEG: marker segments with their lengths; after the one that starts a scan, coded data in which a marker is 0xff
 * before anything but 0, a restart or another 0xff. A thumbnail lies within a segment, and is skipped with it.
 * https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.1
 */
export async function inspectJpeg(reader: Reader): Promise<Structure> {
  let size: Pick<Structure, 'width' | 'height'> | undefined;
  let hasScan = false;
  for (let position = 2; ;) {
    const [first, marker] = await reader.at(position, 2);
    if (first !== 0xff || marker === 0xff || marker === 0) {
      position = await nextMarker(reader, position);
      continue;
    }
    position += 2;
    if (marker === 0xd9) {
      break;
    }
    if (isAlone(marker!)) {
      continue;
    }
    const length = (await reader.at(position, 2)).readUInt16BE();
    if (length < 2) {
      throw new ImageIoError(
        'INVALID_IMAGE',
        `JPEG file has a segment without its length at byte ${position}`,
      );
    }
    if (isFrame(marker!)) {
      const frame = await reader.at(position, 7);
      size ??= { height: frame.readUInt16BE(3), width: frame.readUInt16BE(5) };
    } else if (marker === 0xdc && size?.height === 0) {
      // The number of lines may come after the first scan.
      size = { width: size.width, height: (await reader.at(position, 4)).readUInt16BE(2) };
    }
    position += length;
    if (marker === 0xda) {
      hasScan = true;
      position = await endOfScan(reader, position);
    }
  }
  if (size === undefined || !hasScan) {
    throw new ImageIoError('INVALID_IMAGE', 'JPEG file has no pixels: there is no frame or no scan');
  }
  return { ...size, frames: 1 };
}

/**
 * Where the next marker is, past fill bytes and past stray bytes that some cameras leave between segments.
 * Decoders skip both.
 */
async function nextMarker(reader: Reader, start: number): Promise<number> {
  for (let position = start; position + 1 < reader.size;) {
    const bytes = await reader.upTo(position, stepBytes);
    for (let index = 0; index + 1 < bytes.length; index++) {
      if (bytes[index] === 0xff && bytes[index + 1] !== 0 && bytes[index + 1] !== 0xff) {
        return position + index;
      }
    }
    position += bytes.length - 1;
  }
  throw new Truncated();
}

/** Where the next marker is that ends coded data. */
async function endOfScan(reader: Reader, start: number): Promise<number> {
  for (let position = start; position < reader.size;) {
    const bytes = await reader.upTo(position, stepBytes);
    let found = bytes.indexOf(0xff);
    for (; found >= 0 && found + 1 < bytes.length; found = bytes.indexOf(0xff, found + 1)) {
      const next = bytes[found + 1]!;
      if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) {
        return position + found;
      }
    }
    if (found >= 0 && position + found + 1 >= reader.size) {
      break;
    }
    position += found < 0 ? bytes.length : found;
  }
  throw new Truncated();
}

/** TEM and restarts have no length. */
function isAlone(marker: number): boolean {
  return marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);
}

/** SOF0 to SOF15, without the tables and extensions that lie between them. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}
