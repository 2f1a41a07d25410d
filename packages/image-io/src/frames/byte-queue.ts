import { ImageIoError } from '../errors.ts';

/** The stream ends where more should come. */
export class EndOfStream extends Error {}

/**
 * The bytes of a stream: those of the image that is being read, and what follows it. Places count from the first byte of the
 * stream.
 */
export interface ByteQueue {
  /** The place of the next byte. */
  readonly offset: number;
  /** The most bytes that an image may have. */
  readonly maxBytes: number;
  /** Whether so many bytes follow; waits for them. */
  has(length: number): Promise<boolean>;
  /** The bytes that follow, at most so many; waits for them. */
  peek(length: number): Promise<Buffer>;
  /** The bytes that follow and have come. */
  inHand(): Buffer;
  /** Passes so many bytes and gives them. @throws EndOfStream */
  pass(length: number): Promise<Buffer>;
  /**
   * Passes so many bytes, and shows `startIn` them as they come.
   *
   * @throws ImageIoError `INVALID_IMAGE` where `startIn` finds the start of an image, which is confirmed then
   * @throws EndOfStream
   */
  skip(length: number, startIn?: (bytes: Buffer) => number): Promise<void>;
  /** Passes everything before what `find` finds, which may be two bytes. @throws EndOfStream */
  skipTo(find: (bytes: Buffer) => number): Promise<void>;
  /** Goes back by bytes that were just passed. */
  back(length: number): void;
  /** The bytes of the image so far. */
  passed(): Buffer;
  /** Notes that the image holds no other one before this place. */
  confirm(offset: number): void;
  /** The bytes of the image, which ends here. */
  take(): Buffer;
  /** Forgets what was passed, and so many bytes that follow. */
  drop(length: number): void;
  /** Forgets the image up to what was confirmed, at least its first byte, and goes back there. */
  giveUp(): void;
}

/** More than the bytes by which the start of an image is recognised. */
const startBytes = 256;

/** A queue of what `chunks` give, which are asked for as they are needed. */
export function createByteQueue(chunks: AsyncIterable<Uint8Array>, maxBytes: number): ByteQueue {
  const source = chunks[Symbol.asyncIterator]();
  let buffer = Buffer.allocUnsafe(65_536);
  /** Places in the stream: of the buffer, of the image, of the next byte, and of the end of what has come. */
  let base = 0;
  let start = 0;
  let position = 0;
  let end = 0;
  let confirmed = 0;

  const view = (from: number, to: number): Buffer => buffer.subarray(from - base, to - base);
  const more = async (): Promise<boolean> => {
    const { value, done } = await source.next();
    if (done === true) {
      return false;
    }
    const used = end - start;
    if (end - base + value.length > buffer.length) {
      // Twice what is used, so that each byte is copied a bounded number of times, and the memory shrinks again.
      const next = Buffer.allocUnsafe(Math.max(65_536, 2 * used, used + value.length));
      view(start, end).copy(next);
      buffer = next;
      base = start;
    }
    buffer.set(value, end - base);
    end += value.length;
    return true;
  };
  const available = (): number => end - position;
  const has = async (length: number): Promise<boolean> => {
    while (available() < length) {
      if (!(await more())) {
        return false;
      }
    }
    return true;
  };
  const assertWithin = (length: number): void => {
    if (position + length - start > maxBytes) {
      throw new ImageIoError(
        'LIMIT_EXCEEDED',
        `image of more than ${position + length - start - 1} bytes exceeds the limit of ${maxBytes} for images of a stream`,
      );
    }
  };
  const need = async (length: number): Promise<void> => {
    assertWithin(length);
    if (!(await has(length))) {
      throw new EndOfStream();
    }
    position += length;
  };
  const moveTo = (place: number): void => {
    start = place;
    position = place;
    confirmed = place;
  };
  return {
    maxBytes,
    get offset() {
      return position;
    },
    has,
    async peek(length) {
      await has(length);
      return view(position, Math.min(position + length, end));
    },
    inHand: () => view(position, end),
    async pass(length) {
      await need(length);
      return view(position - length, position);
    },
    async skip(length, startIn) {
      assertWithin(length);
      const until = position + length;
      for (let seen = position; ;) {
        // The bytes behind may tell whether the last ones are a start.
        const found = startIn?.(view(seen, Math.min(until + startBytes, end))) ?? -1;
        if (found >= 0 && seen + found < until) {
          position = seen + found;
          confirmed = position;
          throw new ImageIoError('INVALID_IMAGE', `another image begins within it, at byte ${position}`);
        }
        seen = Math.max(seen, end - startBytes);
        if (available() >= length || !(await more())) {
          break;
        }
      }
      await need(length);
    },
    async skipTo(find) {
      for (;;) {
        const ahead = view(position, end);
        const found = find(ahead);
        position += found < 0 ? Math.max(0, ahead.length - 1) : found;
        if (found >= 0) {
          return;
        }
        assertWithin(0);
        if (!(await more())) {
          throw new EndOfStream();
        }
      }
    },
    back(length) {
      position -= length;
    },
    passed: () => view(start, position),
    confirm(offset) {
      confirmed = Math.max(confirmed, offset);
    },
    take() {
      const image = Buffer.from(view(start, position));
      moveTo(position);
      return image;
    },
    drop(length) {
      moveTo(position + length);
    },
    giveUp() {
      moveTo(Math.min(end, Math.max(confirmed, start + 1)));
    },
  };
}
