import { mediaTypeBytes, npyMediaType, sniffMediaType } from '@image-stream/codec';
import type { ByteQueue } from './byte-queue.ts';

/** Bytes at a place of every image of a type. Some are rare enough to tell it; the others are asked again. */
const signatures: readonly { type: string; at: number; bytes: Buffer }[] = [
  { type: 'image/png', at: 0, bytes: Buffer.from('\x89PNG\r\n\x1a\n', 'latin1') },
  { type: 'image/jpeg', at: 0, bytes: Buffer.of(0xff, 0xd8, 0xff) },
  { type: 'image/webp', at: 0, bytes: Buffer.from('RIFF') },
  { type: 'image/gif', at: 0, bytes: Buffer.from('GIF8') },
  { type: 'image/avif', at: 4, bytes: Buffer.from('ftyp') },
  { type: npyMediaType, at: 0, bytes: Buffer.from('\x93NUMPY', 'latin1') },
  ...['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].map((text) => ({
    type: 'image/tiff',
    at: 0,
    bytes: Buffer.from(text, 'latin1'),
  })),
];

/** Bytes that are searched for one signature after the other, since the first start may be near. */
const windowBytes = 65_536;

/** Where in bytes an image of any type begins, or of one; -1 for none. Its first `mediaTypeBytes` should be there. */
export function findStart(bytes: Buffer, onlyType?: string): number {
  const wanted = signatures.filter(({ type }) => onlyType === undefined || onlyType === type);
  for (let from = 0; from < bytes.length; from += windowBytes) {
    let first = from + windowBytes;
    for (const { type, at, bytes: signature } of wanted) {
      const within = bytes.subarray(0, first + at + signature.length - 1);
      let hit = within.indexOf(signature, from + at);
      while (hit >= 0 && !isStart(bytes, hit - at, type)) {
        hit = within.indexOf(signature, hit + 1);
      }
      first = hit < 0 ? first : hit - at;
    }
    if (first < from + windowBytes) {
      return first;
    }
  }
  return -1;
}

function isStart(bytes: Buffer, place: number, type: string): boolean {
  const head = bytes.subarray(place, place + mediaTypeBytes);
  if (sniffMediaType(head) !== type) {
    return false;
  }
  if (type === 'image/jpeg') {
    // A frame, a table, an APP segment or a comment: three bytes alone occur in the data of others.
    const marker = head[3]!;
    return (marker >= 0xc0 && marker <= 0xcf) || marker === 0xdb || marker === 0xdd || marker >= 0xe0;
  }
  if (type === 'image/tiff') {
    const directory = head.length < 8 ? 8 : head[0] === 0x49 ? head.readUInt32LE(4) : head.readUInt32BE(4);
    // Where a directory cannot be, or in the notes of a camera, the four bytes mean something else.
    return directory < 2 ** 28 && bytes.toString('latin1', Math.max(0, place - 4), place) !== 'if\0\0';
  }
  if (type === 'image/gif') {
    // The name of the format occurs in comments. A screen without colours is followed by a block.
    return head.length < 14 || head[10]! >= 0x80 || head[13] === 0x21 || head[13] === 0x2c;
  }
  return type !== npyMediaType || (head[6]! >= 1 && head[6]! <= 3 && head[7] === 0);
}

/** The type of the image that begins here, if one does. */
export async function typeAhead(bytes: ByteQueue): Promise<string | undefined> {
  const head = await bytes.peek(16);
  const isBox = head.toString('latin1', 4, 8) === 'ftyp';
  return sniffMediaType(head) ?? (isBox ? sniffMediaType(await bytes.peek(mediaTypeBytes)) : undefined);
}

/** Forgets padding between images. @returns whether anything follows */
export async function passPadding(bytes: ByteQueue): Promise<boolean> {
  for (;;) {
    const isMore = await bytes.has(8);
    const ahead = bytes.inHand();
    const length = paddingIn(ahead);
    // The last few bytes that have come may be the first ones of an image.
    bytes.drop(isMore ? Math.min(length, ahead.length - 7) : length);
    if (!isMore || length <= ahead.length - 7) {
      return length < ahead.length;
    }
  }
}

/** NULs, line ends and spaces; 0xff, with which JPEG markers may be filled up; an end of JPEG once more. */
function paddingIn(bytes: Buffer): number {
  let length = 0;
  for (; length < bytes.length; length++) {
    const [byte, next] = [bytes[length]!, bytes[length + 1]];
    if (byte === 0xff && next === 0xd9) {
      length += 1;
    } else if (!isPadding(byte) && !(byte === 0xff && next !== 0xd8 && next !== undefined)) {
      break;
    }
  }
  // An AVIF begins with NULs, since its first box is short.
  const box = bytes.subarray(length, length + 7).indexOf('ftyp');
  return box < 0 ? length : Math.max(0, length + box - 4);
}

function isPadding(byte: number): boolean {
  return byte === 0 || byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** What lies before the next image, or the end of the stream. */
export interface Gap {
  readonly length: number;
  /** The first of it, as latin1. */
  readonly text: string;
}

/** More than the headers of a part, and of an answer by HTTP before them. */
const maxGapText = 16_384;

/** Forgets everything before the next start of an image. */
export async function passGap(bytes: ByteQueue): Promise<Gap> {
  let [length, text] = [0, ''];
  for (let isMore = true; ;) {
    const ahead = bytes.inHand();
    const found = findStart(ahead);
    const kept = isMore ? Math.min(ahead.length, mediaTypeBytes) : 0;
    const passed = found < 0 ? ahead.length - kept : found;
    text += ahead.toString('latin1', 0, Math.min(passed, maxGapText - text.length));
    length += passed;
    bytes.drop(passed);
    if (found >= 0 || !isMore) {
      return { length, text };
    }
    isMore = await bytes.has(kept + 1);
  }
}

/**
 * Whether a gap is what `multipart/x-mixed-replace` has between images: a boundary and headers, and before the first one those
 * of the answer, or a preamble. Many cameras leave out some of it, or end lines with LF.
 */
export function isPartHead({ length, text }: Gap): boolean {
  return (
    length <= maxGapText &&
    /^[\t\r\n -~]*$/.test(text) &&
    /^(?:--\S|HTTP\/\d|content-(?:type|length)\s*:)/im.test(text)
  );
}
