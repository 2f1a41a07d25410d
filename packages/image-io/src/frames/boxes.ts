import { sniffMediaType } from '@image-stream/codec';
import { ImageIoError } from '../errors.ts';
import type { ByteQueue } from './byte-queue.ts';
import { findStart } from './start.ts';

/** What files in the ISO base media format consist of. After an image, anything else is not its own. ISO/IEC 14496-12, 8 */
const boxTypes = new Set(
  'ftyp styp etyp meta meco moov moof mfra mdat idat free skip wide uuid udta pdin sidx ssix prft emsg jumb mpvd sefd'.split(
    ' ',
  ),
);

/**
 * Boxes, up to the `ftyp` with which the next image begins, or to what is no box.
 *
 * @param imageType the type of image that begins with them; undefined for a film
 */
export async function passBoxes(bytes: ByteQueue, imageType?: string): Promise<void> {
  const startIn = imageType === undefined ? undefined : (part: Buffer) => findStart(part, imageType);
  for (let isFirst = true; ; isFirst = false) {
    const at = bytes.offset;
    const header = await bytes.peek(16);
    const type = header.toString('latin1', 4, 8);
    if (!boxTypes.has(type) || (type === 'ftyp' && !isFirst)) {
      return;
    }
    const short = header.readUInt32BE(0);
    if (short === 0) {
      await passRest(bytes);
      return;
    }
    const length = short === 1 && header.length === 16 ? Number(header.readBigUInt64BE(8)) : short;
    if (length < 8) {
      throw new ImageIoError('INVALID_IMAGE', `box ${type} has ${length} bytes at byte ${at}`);
    }
    // The head of the first box is itself the start of an image.
    await bytes.pass(8);
    await bytes.skip(length - 8, startIn);
    bytes.confirm(at);
  }
}

/** A last box without its length goes on to the next image, or to the end of the stream. */
async function passRest(bytes: ByteQueue): Promise<void> {
  await bytes.pass(8);
  for (let isMore = true; isMore;) {
    const ahead = bytes.inHand();
    const found = nextImageIn(ahead);
    if (found >= 0) {
      await bytes.skip(found);
      return;
    }
    await bytes.skip(Math.max(0, ahead.length - 256));
    isMore = await bytes.has(Math.min(ahead.length, 256) + 1);
  }
  await bytes.skip(bytes.inHand().length);
}

/** Notes of a camera lie within boxes, as a TIFF without pixels behind four bytes that are zero. */
function nextImageIn(ahead: Buffer): number {
  for (let place = 0; ;) {
    const found = findStart(ahead.subarray(place));
    const start = place + found;
    const isNotes =
      start >= 4 &&
      ahead.readUInt32BE(start - 4) === 0 &&
      sniffMediaType(ahead.subarray(start)) === 'image/tiff';
    if (found < 0 || !isNotes) {
      return found < 0 ? -1 : start;
    }
    place = start + 1;
  }
}
