import { CodecError, npyMediaType, readNpyHeader, resolveLimits } from '@image-stream/codec';
import { ImageIoError } from '../errors.ts';
import { EndOfStream } from './byte-queue.ts';
import type { ByteQueue } from './byte-queue.ts';
import { findStart } from './start.ts';

/** PNG: 8 bytes, then chunks up to IEND. https://www.w3.org/TR/png-3/#5Chunk-layout */
export async function passPng(bytes: ByteQueue): Promise<void> {
  await bytes.pass(8);
  for (let type = ''; type !== 'IEND';) {
    const at = bytes.offset;
    const chunk = await bytes.pass(8);
    const length = chunk.readUInt32BE(0);
    type = chunk.toString('latin1', 4, 8);
    if (!/^[A-Za-z]{4}$/.test(type)) {
      throw new ImageIoError('INVALID_IMAGE', `PNG has no chunk at byte ${at}`);
    }
    bytes.confirm(at);
    await bytes.skip(length + 4, (part) => findStart(part, 'image/png'));
  }
}

/**
 * WebP: a RIFF file of chunks, each padded to an even length. The length of the file may count a byte too many, or leave out
 * the last padding. https://developers.google.com/speed/webp/docs/riff_container
 */
export async function passWebp(bytes: ByteQueue): Promise<void> {
  const head = await bytes.pass(12);
  const end = bytes.offset - 4 + head.readUInt32LE(4);
  if (end < bytes.offset + 8) {
    throw new ImageIoError('INVALID_IMAGE', `WebP has no chunk: its length is ${head.readUInt32LE(4)}`);
  }
  while (bytes.offset + 8 <= end) {
    const at = bytes.offset;
    const chunk = await bytes.pass(8);
    const type = chunk.toString('latin1', 0, 4);
    const length = chunk.readUInt32LE(4);
    if (!/^[ -~]{4}$/.test(type)) {
      throw new ImageIoError('INVALID_IMAGE', `WebP has no chunk at byte ${at}`);
    }
    bytes.confirm(at);
    if (type === 'RIFF' || bytes.offset + length > end) {
      throw new ImageIoError(
        'INVALID_IMAGE',
        `WebP has a chunk ${type} of ${length} bytes at byte ${at}, where it should end at byte ${end}`,
      );
    }
    await bytes.skip(length, (part) => findStart(part, 'image/webp'));
    if (length % 2 === 1 && (bytes.offset < end || (await bytes.peek(1))[0] === 0)) {
      await bytes.pass(1);
    }
  }
}

/** GIF: a screen, then extensions and images, each of sub-blocks, up to the trailer. https://www.w3.org/Graphics/GIF/spec-gif89a.txt */
export async function passGif(bytes: ByteQueue): Promise<void> {
  const startIn = (part: Buffer): number => findStart(part, 'image/gif');
  const screen = await bytes.pass(13);
  await bytes.skip(colorTableBytes(screen[10]!), startIn);
  for (;;) {
    const at = bytes.offset;
    const [kind] = await bytes.pass(1);
    if (kind === 0x3b) {
      return;
    }
    if (kind === 0x2c) {
      const image = await bytes.pass(9);
      await bytes.skip(colorTableBytes(image[8]!), startIn);
    } else if (kind !== 0x21 && kind !== 0) {
      throw new ImageIoError('INVALID_IMAGE', `GIF has no block at byte ${at}`);
    }
    if (kind !== 0) {
      bytes.confirm(at);
      // How the image is coded, or what the extension is.
      await bytes.pass(1);
      for (let length: number | undefined = -1; length !== 0;) {
        [length] = await bytes.peek(1);
        // Where bytes are missing, lengths lead anywhere.
        await bytes.skip(1 + (length ?? 0), startIn);
      }
    }
  }
}

function colorTableBytes(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

/** NPY: the header says how many bytes follow it. */
export async function passNpy(bytes: ByteQueue): Promise<void> {
  const head = await bytes.peek(12);
  if (head.length < 12) {
    throw new EndOfStream();
  }
  const headerBytes = head[6] === 1 ? 10 + head.readUInt16LE(8) : 12 + head.readUInt32LE(8);
  try {
    const limits = resolveLimits({ maxImagePixels: bytes.maxBytes });
    const { totalBytes } = readNpyHeader(await bytes.peek(Math.min(headerBytes, 65_536)), limits);
    await bytes.pass(head.length);
    await bytes.skip(totalBytes - head.length, (part) => findStart(part, npyMediaType));
  } catch (error) {
    if (error instanceof CodecError) {
      const code = error.code === 'LIMIT_EXCEEDED' ? 'LIMIT_EXCEEDED' : 'INVALID_IMAGE';
      throw new ImageIoError(code, error.message, { cause: error });
    }
    throw error;
  }
}
