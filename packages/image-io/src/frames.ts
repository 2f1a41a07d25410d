import { mediaTypeBytes, sniffMediaType } from '@image-stream/codec';
import { ImageIoError } from './errors.ts';

/**
 * The images of a stream in which they follow one another, as `ffmpeg -f image2pipe` writes them. Each JPEG or PNG
 * is given as soon as its last byte has come; no more than one image is in memory. A stream that begins with
 * another type is one image to its end.
 *
 * @param maxFrameBytes the largest image, in bytes
 * @throws ImageIoError `INVALID_IMAGE` where no image begins or the last one is cut off, `LIMIT_EXCEEDED`
 */
export async function* splitFrames(
  chunks: AsyncIterable<Uint8Array>,
  maxFrameBytes: number,
): AsyncGenerator<Buffer> {
  const bytes = createByteQueue(chunks, maxFrameBytes);
  for (let frame = 1; await bytes.has(1); frame++) {
    const head = await bytes.peek(16);
    const mediaType = sniffMediaType(head) ?? sniffMediaType(await bytes.peek(mediaTypeBytes));
    try {
      if (mediaType === 'image/jpeg') {
        await passJpeg(bytes);
      } else if (mediaType === 'image/png') {
        await passPng(bytes);
      } else if (mediaType !== undefined && frame === 1) {
        await bytes.passAll();
      } else {
        throw new ImageIoError(
          'INVALID_IMAGE',
          `image ${frame} of the stream begins with ${head.toString('hex')}, which is neither a PNG nor a JPEG`,
        );
      }
    } catch (error) {
      if (error instanceof EndOfStream) {
        throw new ImageIoError('INVALID_IMAGE', `the stream ends within image ${frame}`, { cause: error });
      }
      throw error;
    }
    yield bytes.take();
  }
}

/** PNG: 8 bytes, then chunks up to IEND. https://www.w3.org/TR/png-3/#5Chunk-layout */
async function passPng(bytes: ByteQueue): Promise<void> {
  await bytes.pass(8);
  for (let type = ''; type !== 'IEND';) {
    const chunk = await bytes.pass(8);
    type = chunk.toString('latin1', 4, 8);
    if (!/^[A-Za-z]{4}$/.test(type)) {
      throw new ImageIoError('INVALID_IMAGE', `PNG image has no chunk where one should begin`);
    }
    await bytes.skip(chunk.readUInt32BE(0) + 4);
  }
}

/** JPEG: marker segments, and coded data after each start of scan. https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.1 */
async function passJpeg(bytes: ByteQueue): Promise<void> {
  await bytes.pass(2);
  for (;;) {
    const [first, marker] = await bytes.pass(2);
    if (first !== 0xff) {
      throw new ImageIoError('INVALID_IMAGE', `JPEG image has no marker where one should begin`);
    }
    if (marker === 0xd9) {
      return;
    }
    if (marker === 0xff) {
      bytes.back(1);
    } else if (marker !== 0x01 && !(marker! >= 0xd0 && marker! <= 0xd7)) {
      const length = (await bytes.pass(2)).readUInt16BE();
      await bytes.skip(Math.max(0, length - 2));
      if (marker === 0xda) {
        await passScan(bytes);
      }
    }
  }
}

/** Up to the marker that ends coded data: 0xff before anything but 0, a restart or another 0xff. */
async function passScan(bytes: ByteQueue): Promise<void> {
  for (;;) {
    await bytes.skipTo(0xff);
    const next = (await bytes.pass(2))[1]!;
    if (next === 0xff) {
      bytes.back(1);
    } else if (next !== 0 && !(next >= 0xd0 && next <= 0xd7)) {
      bytes.back(2);
      return;
    }
  }
}

class EndOfStream extends Error {}

/** Bytes of a stream: some passed, which belong to the image that is being read, and some still to come. */
interface ByteQueue {
  /** Whether so many bytes follow; waits for them. */
  has(length: number): Promise<boolean>;
  /** The bytes that follow, at most so many. */
  peek(length: number): Promise<Buffer>;
  /** Passes so many bytes and gives them. @throws EndOfStream */
  pass(length: number): Promise<Buffer>;
  /** Passes so many bytes without looking at them. @throws EndOfStream */
  skip(length: number): Promise<void>;
  /** Passes everything before a byte. @throws EndOfStream */
  skipTo(byte: number): Promise<void>;
  passAll(): Promise<void>;
  /** Goes back by bytes that were just passed. */
  back(length: number): void;
  /** What was passed since the last time. */
  take(): Buffer;
}

function createByteQueue(chunks: AsyncIterable<Uint8Array>, maxBytes: number): ByteQueue {
  const source = chunks[Symbol.asyncIterator]();
  /** Doubles when it is full, so that each byte is copied a bounded number of times. */
  let buffer = Buffer.allocUnsafe(65_536);
  let end = 0;
  let position = 0;

  const more = async (): Promise<boolean> => {
    if (position > maxBytes) {
      throw new ImageIoError('LIMIT_EXCEEDED', `image in the stream exceeds the limit of ${maxBytes} bytes`);
    }
    const { value, done } = await source.next();
    if (done === true) {
      return false;
    }
    if (end + value.length > buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, end + value.length));
      buffer.copy(larger, 0, 0, end);
      buffer = larger;
    }
    buffer.set(value, end);
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
  const need = async (length: number): Promise<void> => {
    if (position + length > maxBytes) {
      throw new ImageIoError('LIMIT_EXCEEDED', `image in the stream exceeds the limit of ${maxBytes} bytes`);
    }
    if (!(await has(length))) {
      throw new EndOfStream();
    }
    position += length;
  };
  return {
    has,
    async peek(length) {
      await has(length);
      return buffer.subarray(position, Math.min(position + length, end));
    },
    async pass(length) {
      await need(length);
      return buffer.subarray(position - length, position);
    },
    skip: need,
    async skipTo(byte) {
      for (;;) {
        const found = buffer.subarray(0, end).indexOf(byte, position);
        position = found < 0 ? end : found;
        if (found >= 0) {
          return;
        }
        if (!(await more())) {
          throw new EndOfStream();
        }
      }
    },
    async passAll() {
      do {
        position = end;
      } while (await more());
    },
    back(length) {
      position -= length;
    },
    take() {
      const image = Buffer.from(buffer.subarray(0, position));
      buffer.copy(buffer, 0, position, end);
      end -= position;
      position = 0;
      return image;
    },
  };
}
