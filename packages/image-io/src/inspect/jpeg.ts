import { ImageIoError } from '../errors.ts';
import { Truncated } from './reader.ts';
import type { Reader, Structure } from './reader.ts';

/**
 * JPEG: marker segments with their lengths; after the one that starts a scan, coded data, in which a marker is 0xff
 * before anything but 0, a restart or another 0xff. A thumbnail lies within a segment, and is skipped with it.
 * https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.1
 */
export async function inspectJpeg(reader: Reader): Promise<Structure> {
  let size: Pick<Structure, 'width' | 'height'> | undefined;
  let hasScan = false;
  await reader.pass({ start: 2, end: Infinity, least: 9 }, (bytes, index, position) => {
    const marker = bytes[index + 1];
    if (bytes[index] !== 0xff || marker === 0xff) {
      // Coded data, fill bytes, or stray bytes that some cameras leave between segments. Decoders skip all of them.
      const found = bytes.indexOf(0xff, index + 1);
      return (found < 0 ? bytes.length : found) - index;
    }
    if (marker === 0 || isAlone(marker!)) {
      return 2;
    }
    if (marker === 0xd9) {
      return undefined;
    }
    const segment = bytes.subarray(index + 2, index + 9);
    if (segment.length < 2) {
      throw new Truncated();
    }
    const length = segment.readUInt16BE();
    if (length < 2) {
      throw new ImageIoError(
        'INVALID_IMAGE',
        `JPEG file has a segment without its length at byte ${position}`,
      );
    }
    if (isFrame(marker!) && segment.length === 7) {
      size ??= { height: segment.readUInt16BE(3), width: segment.readUInt16BE(5) };
    } else if (marker === 0xdc && size?.height === 0 && segment.length >= 4) {
      // The number of lines may come after the first scan.
      size = { width: size.width, height: segment.readUInt16BE(2) };
    }
    hasScan ||= marker === 0xda;
    return 2 + length;
  });
  if (size === undefined || !hasScan) {
    throw new ImageIoError('INVALID_IMAGE', 'JPEG file has no pixels: there is no frame or no scan');
  }
  return { ...size, frames: 1 };
}

/** TEM and restarts have no length. */
function isAlone(marker: number): boolean {
  return marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);
}

/** SOF0 to SOF15, without the tables and extensions that lie between them. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}
