import { byteSource } from '@image-stream/codec';
import { ImageIoError } from '../errors.ts';
import { otherPictures } from '../inspect/mpo.ts';
import { createReader } from '../inspect/reader.ts';
import { passBoxes } from './boxes.ts';
import { EndOfStream } from './byte-queue.ts';
import type { ByteQueue } from './byte-queue.ts';
import { findStart } from './start.ts';

const jpeg = 'image/jpeg';

/**
 * JPEG: marker segments, and coded data after each start of scan, up to the end marker; then the other pictures and the film that
 * it speaks of. https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.1
 */
export async function passJpeg(bytes: ByteQueue): Promise<void> {
  const { index, xmp } = await passPicture(bytes);
  const end = bytes.passed().length;
  for (const start of await picturesIn(bytes, index)) {
    if (!(await passOtherPicture(bytes, start))) {
      break;
    }
  }
  await passFilm(bytes, end, xmp);
}

interface Told {
  /** Where in the image it says where other pictures are. */
  readonly index: { readonly start: number; readonly end: number } | undefined;
  /** What it says about itself in XMP. */
  readonly xmp: string;
}

async function passPicture(bytes: ByteQueue): Promise<Told> {
  let index: Told['index'];
  let xmp = '';
  await bytes.pass(2);
  for (;;) {
    const at = bytes.offset;
    const [first, marker] = await bytes.pass(2);
    if (first !== 0xff || !isMarker(marker!)) {
      // Coded data, fill bytes, or stray bytes that some cameras leave between segments.
      bytes.back(1);
      await bytes.skipTo(markerIn);
    } else if (marker === 0xd9) {
      return { index, xmp };
    } else if (marker === 0xd8) {
      bytes.confirm(at);
      throw new ImageIoError('INVALID_IMAGE', `another image begins within it, at byte ${at}`);
    } else if (marker! >= 0xc0) {
      const content = await passSegment(bytes, at, marker!);
      const place = bytes.passed().length - content.length;
      if (marker === 0xe2 && content.toString('latin1', 0, 4) === 'MPF\0') {
        index ??= { start: place + 4, end: place + content.length };
      } else if (marker === 0xe1 && content.toString('latin1', 0, xmpName.length) === xmpName) {
        xmp += content.toString('latin1', xmpName.length);
      }
    } else {
      bytes.confirm(at);
      throw new ImageIoError(
        'INVALID_IMAGE',
        `JPEG has a marker ff${marker!.toString(16).padStart(2, '0')} at byte ${at}, which does not belong there`,
      );
    }
  }
}

function markerIn(bytes: Buffer): number {
  let at = bytes.indexOf(0xff);
  while (at >= 0 && at + 1 < bytes.length && !isMarker(bytes[at + 1]!)) {
    at = bytes.indexOf(0xff, at + 1);
  }
  return at + 1 < bytes.length ? at : -1;
}

/** Whether it means something behind 0xff: no coded 0xff, fill byte, restart or TEM. */
function isMarker(byte: number): boolean {
  return byte > 0x01 && byte < 0xff && !(byte >= 0xd0 && byte <= 0xd7);
}

const xmpName = 'http://ns.adobe.com/xap/1.0/\0';

/** @returns what is in the segment of a marker that was passed */
async function passSegment(bytes: ByteQueue, at: number, marker: number): Promise<Buffer> {
  const length = (await bytes.pass(2)).readUInt16BE();
  if (length < 2) {
    bytes.confirm(at);
    throw new ImageIoError('INVALID_IMAGE', `JPEG has a segment without its length at byte ${at}`);
  }
  const isScan = marker === 0xda;
  if (isScan && length !== 6 + 2 * (await bytes.peek(1))[0]!) {
    bytes.confirm(at);
    throw new ImageIoError('INVALID_IMAGE', `JPEG has a start of scan of ${length} bytes at byte ${at}`);
  }
  const contentBytes = length - 2;
  if (!isScan) {
    const next =
      marker < 0xe0 ? await imageInTable(bytes, contentBytes) : await imageInNotes(bytes, contentBytes);
    if (next >= 0) {
      const place = bytes.offset + next;
      bytes.confirm(place);
      throw new ImageIoError('INVALID_IMAGE', `another image begins within it, at byte ${place}`);
    }
  }
  bytes.confirm(bytes.offset + Math.min(contentBytes, bytes.inHand().length));
  return bytes.pass(contentBytes);
}

/** Where in a table another image begins, which has followed too early; -1 for none. */
async function imageInTable(bytes: ByteQueue, length: number): Promise<number> {
  return findStart(await bytes.peek(length + 3), jpeg);
}

/**
 * Where in a segment of notes another image of the stream begins; -1 for none. It is looked for where the segment does not end as
 * it should. A thumbnail begins there, too, but ends there, and no image follows it soon.
 */
async function imageInNotes(bytes: ByteQueue, length: number): Promise<number> {
  const isWhole = await bytes.has(length + 1);
  if (bytes.inHand()[length] === 0xff) {
    return -1;
  }
  const ahead = await bytes.peek(length + 256);
  const segmentBytes = Math.min(length, ahead.length);
  for (let place = 0; ;) {
    const found = findStart(ahead.subarray(place, segmentBytes + 3), jpeg);
    if (found < 0) {
      return -1;
    }
    const start = place + found;
    const end = endOf(ahead.subarray(0, segmentBytes), start);
    if (end < 0) {
      return isWhole ? start : -1;
    }
    if (findStart(ahead.subarray(end, end + 256), jpeg) >= 0) {
      return start;
    }
    place = end;
  }
}

/** Where an image ends, with the thumbnails in it; -1 where it does not. */
function endOf(bytes: Buffer, start: number): number {
  let place = start + 2;
  for (let depth = 1; depth > 0;) {
    const end = bytes.indexOf(endOfImage, place) + endOfImage.length;
    if (end < endOfImage.length) {
      return -1;
    }
    const inner = findStart(bytes.subarray(place, end), jpeg);
    depth += inner < 0 ? -1 : 1;
    place = inner < 0 ? end : place + inner + 2;
  }
  return place;
}

const endOfImage = Buffer.of(0xff, 0xd9);

/** Where in the image other pictures begin. */
async function picturesIn(bytes: ByteQueue, index: Told['index']): Promise<number[]> {
  if (index === undefined) {
    return [];
  }
  const pictures = await otherPictures(createReader(byteSource(bytes.passed())), index);
  return pictures.map(({ start }) => start);
}

/** @returns false where it is not there: some programs take the other pictures away and leave what says where they were */
async function passOtherPicture(bytes: ByteQueue, start: number): Promise<boolean> {
  const before = bytes.passed().length;
  const gap = start - before;
  if (gap < 0 || start > bytes.maxBytes) {
    return false;
  }
  const ahead = await bytes.peek(gap + 4);
  const found = findStart(ahead, jpeg);
  if (found !== gap) {
    if (found < 0 && ahead.length > 0 && ahead.length < gap + 4) {
      throw new EndOfStream();
    }
    return false;
  }
  await bytes.skip(gap);
  const { index } = await passPicture(bytes);
  if ((await picturesIn(bytes, index)).length > 0) {
    // It has others of its own: it is the next image.
    bytes.back(bytes.passed().length - before);
    return false;
  }
  return true;
}

/**
 * Passes the film of a motion photo: boxes, of which XMP says where they begin and how much follows. Without XMP they are
 * passed if they have come with the picture; a camera's picture waits for nothing.
 * https://developer.android.com/media/platform/motion-photo-format
 */
async function passFilm(bytes: ByteQueue, end: number, xmp: string): Promise<void> {
  const lengths = numbersIn(xmp, 'Item:Length');
  const [whole] = numbersIn(xmp, 'MicroVideoOffset');
  const announced = whole ?? sum(lengths) + sum(numbersIn(xmp, 'Item:Padding'));
  const before = announced - (whole ?? lengths.at(-1) ?? 0);
  const gap = end + before - bytes.passed().length;
  const isAnnounced = announced > 0 && gap >= 0 && end + announced <= bytes.maxBytes;
  const start = isAnnounced ? gap : 0;
  const ahead = isAnnounced ? await bytes.peek(start + 12) : bytes.inHand();
  if (
    !/^ftyp(?:isom|iso\d|mp4\d|avc1|hvc1|M4V |MSNV|qt {2}|3g[\da-z]{2})/.test(
      ahead.toString('latin1', start + 4, start + 12),
    )
  ) {
    return;
  }
  const place = bytes.offset;
  try {
    await bytes.skip(start);
    await passBoxes(bytes);
    // Some phones write notes behind it.
    const rest = isAnnounced ? end + announced - bytes.passed().length : 0;
    if (rest > 0 && (await bytes.has(rest)) && findStart(await bytes.peek(rest)) < 0) {
      await bytes.skip(rest);
    }
  } catch (error) {
    bytes.back(bytes.offset - place);
    const left = bytes.inHand();
    if (!(error instanceof EndOfStream) || findStart(left) >= 0) {
      throw error;
    }
    await bytes.skip(left.length);
  }
}

function numbersIn(xmp: string, name: string): number[] {
  return Array.from(xmp.matchAll(new RegExp(`${name}\\s*(?:=\\s*["']|>\\s*)(\\d+)`, 'g')), ([, digits]) =>
    Number(digits),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
