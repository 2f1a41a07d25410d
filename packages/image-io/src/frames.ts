import { notAnImage, npyMediaType } from '@image-stream/codec';
import { ImageIoError } from './errors.ts';
import { passBoxes } from './frames/boxes.ts';
import { createByteQueue, EndOfStream } from './frames/byte-queue.ts';
import type { ByteQueue } from './frames/byte-queue.ts';
import { passGif, passNpy, passPng, passWebp } from './frames/ends.ts';
import { passJpeg } from './frames/jpeg.ts';
import { isPartHead, passGap, passPadding, typeAhead } from './frames/start.ts';
import type { Gap } from './frames/start.ts';
import { passTiff } from './frames/tiff.ts';

/** An image of a stream. */
export interface Frame {
  /** From 1 on, damaged ones included. */
  readonly number: number;
  /** The place of its first byte in the stream. */
  readonly start: number;
  readonly bytes: Buffer;
}

/** What should have been an image of a stream. */
export interface DamagedFrame extends Omit<Frame, 'bytes'> {
  readonly error: ImageIoError;
}

/** How each type is passed up to its end. */
const passers: Readonly<Record<string, (bytes: ByteQueue) => Promise<void>>> = {
  'image/jpeg': passJpeg,
  'image/png': passPng,
  'image/webp': passWebp,
  'image/gif': passGif,
  'image/avif': (bytes) => passBoxes(bytes, 'image/avif'),
  'image/tiff': passTiff,
  [npyMediaType]: passNpy,
};

/**
 * The images of a stream in which they follow one another, of any types, as `ffmpeg -f image2pipe` and cameras write them: with
 * padding between them, or as parts of `multipart/x-mixed-replace`. Each is given as soon as its last byte has come; AVIF
 * and TIFF, which do not say where they end, when the next one begins or the stream ends. No more than one image is in memory.
 *
 * A damaged one is given with what is wrong, and reading goes on where the next one begins. Whether what is within an image is
 * valid, `inspectImage` tells.
 *
 * @param maxFrameBytes the largest image, in bytes
 */
export async function* splitFrames(
  chunks: AsyncIterable<Uint8Array>,
  maxFrameBytes: number,
): AsyncGenerator<Frame | DamagedFrame> {
  const bytes = createByteQueue(chunks, maxFrameBytes);
  let isAfterDamage = false;
  for (let number = 1; await passPadding(bytes);) {
    const start = bytes.offset;
    const mediaType = await typeAhead(bytes);
    if (mediaType === undefined) {
      const gap = await passGap(bytes);
      if (!isPartHead(gap)) {
        yield { number, start, error: noImage(gap) };
        number += 1;
        isAfterDamage = true;
      }
      continue;
    }
    const error = await passers[mediaType]!(bytes).catch((reason: unknown) => damageOf(reason, bytes));
    if (error !== undefined) {
      bytes.giveUp();
      yield { number, start, error };
      number += 1;
      isAfterDamage = true;
      await passGap(bytes);
    } else if (isAfterDamage && isThumbnail(mediaType, bytes.inHand())) {
      bytes.drop(0);
      await passGap(bytes);
    } else {
      yield { number, start, bytes: bytes.take() };
      number += 1;
      isAfterDamage = false;
    }
  }
}

/** Whether a JPEG lies within another one, whose beginning is lost: a table or notes follow it. */
function isThumbnail(mediaType: string, following: Buffer): boolean {
  const [first, marker = 0] = following;
  return mediaType === 'image/jpeg' && first === 0xff && marker >= 0xc0 && marker !== 0xd8 && marker !== 0xd9;
}

function damageOf(reason: unknown, bytes: ByteQueue): ImageIoError {
  if (reason instanceof EndOfStream) {
    const end = bytes.offset + bytes.inHand().length;
    return new ImageIoError('INVALID_IMAGE', `the stream ends within it, at byte ${end}`, { cause: reason });
  }
  if (reason instanceof ImageIoError) {
    return reason;
  }
  throw reason;
}

function noImage({ length, text }: Gap): ImageIoError {
  return new ImageIoError(
    'INVALID_IMAGE',
    `no image begins here, ${length} bytes were passed over: ${notAnImage(Buffer.from(text, 'latin1'), length)}`,
  );
}
