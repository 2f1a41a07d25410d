import { ImageIoError } from '../errors.ts';
import { otherPictures } from './mpo.ts';
import { Truncated } from './reader.ts';
import type { Range, Reader, Structure } from './reader.ts';

/**
 * JPEG: marker segments with their lengths; after the one that starts a scan, coded data, in which a marker is 0xff
 * before anything but 0, a restart or another 0xff. A thumbnail lies within a segment, and is skipped with it. Other
 * pictures may follow: the second one of a stereo camera, or how bright the first one is.
 * https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.1
 */
export async function inspectJpeg(reader: Reader): Promise<Structure> {
  const { size, strayBytes, index, end: firstEnd } = await pictureAt(reader, 0);
  let end = firstEnd;
  let pictures = 1;
  // Some programs take the other pictures away and leave what says where they were.
  if (index !== undefined && end < reader.size) {
    for (const { start, isCopy } of await otherPictures(reader, index)) {
      // What is no picture there was moved, and pictures do not overlap.
      if (start >= end && (await reader.at(start, 2)).readUInt16BE() === 0xffd8) {
        ({ end } = await pictureAt(reader, start));
        pictures += Number(!isCopy);
      }
    }
  }
  const onlyOriginal =
    pictures > 1
      ? `holds ${pictures} pictures, as a stereo pair or a gain map is kept`
      : await appended(reader, end);
  return { ...size, frames: 1, onlyOriginal, strayBytes, hidesDamage: true };
}

/** What follows a picture that no index names: the film of a motion photo, or another picture. */
async function appended(reader: Reader, end: number): Promise<string | undefined> {
  if (end >= reader.size) {
    return undefined;
  }
  const tail = await reader.at(end, Math.min(reader.size - end, tailBytes));
  if (tail.includes('ftyp', 4)) {
    return 'holds a film (motion photo)';
  }
  const first = tail.findIndex((byte) => byte !== 0);
  return first >= 0 && tail.readUIntBE(first, Math.min(3, tail.length - first)) === 0xffd8ff
    ? 'holds another picture after the first'
    : undefined;
}

/** Phones put notes before the film. */
const tailBytes = 65_536;

/** A camera leaves a few; a file made for nothing else has no claim to more. */
const maxStrayRanges = 100;

interface Picture {
  readonly size: Pick<Structure, 'width' | 'height'>;
  readonly end: number;
  /** Where it says where other pictures are. */
  readonly index: Range | undefined;
  /** Before the first scan. */
  readonly strayBytes: readonly Range[];
}

async function pictureAt(reader: Reader, start: number): Promise<Picture> {
  let size: Picture['size'] | undefined;
  let hasScan = false;
  let hasQuantization = false;
  let index: Picture['index'];
  let end = 0;
  const strayBytes: Range[] = [];
  const stray = (position: number, length: number): number => {
    const last = strayBytes.at(-1);
    if (!hasScan && last?.end === position) {
      strayBytes[strayBytes.length - 1] = { start: last.start, end: position + length };
    } else if (!hasScan && strayBytes.length < maxStrayRanges) {
      strayBytes.push({ start: position, end: position + length });
    }
    return length;
  };
  await reader.pass({ start: start + 2, end: Infinity, least: 9 }, (bytes, at, position) => {
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff || marker === 0xff) {
      // Coded data, fill bytes, or stray bytes that some cameras leave between segments. Decoders skip all of them.
      const found = bytes.indexOf(0xff, at + 1);
      return stray(position, (found < 0 ? bytes.length : found) - at);
    }
    if (marker === 0 || isAlone(marker!)) {
      return stray(position, 2);
    }
    if (marker === 0xd9) {
      end = position + 2;
      return undefined;
    }
    if (marker! < 0xc0 || marker === 0xd8) {
      throw new ImageIoError(
        'INVALID_IMAGE',
        `JPEG file has a marker ff${marker!.toString(16).padStart(2, '0')} at byte ${position}, which does not belong there`,
      );
    }
    const segment = bytes.subarray(at + 2, at + 9);
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
    hasQuantization ||= marker === 0xdb || marker === 0xc3;
    if (marker === 0xe2 && segment.toString('latin1', 2, 6) === 'MPF\0') {
      index ??= { start: position + 8, end: position + 2 + length };
    }
    return 2 + length;
  });
  if (size === undefined || !hasScan) {
    throw new ImageIoError('INVALID_IMAGE', 'JPEG file has no pixels: there is no frame or no scan');
  }
  if (!hasQuantization) {
    throw new ImageIoError('INVALID_IMAGE', 'JPEG file has no quantization table');
  }
  return { size, end, index, strayBytes };
}

/** TEM and restarts have no length. */
function isAlone(marker: number): boolean {
  return marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);
}

/** SOF0 to SOF15, without the tables and extensions that lie between them. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}
