import { ImageIoError } from '../errors.ts';
import { Truncated } from './reader.ts';
import type { Reader, Structure } from './reader.ts';

type Size = Pick<Structure, 'width' | 'height'>;

/**
 * WebP: a RIFF file of chunks, each padded to an even length.
 * The length of the file may leave the last padding out, or count a byte too many, as libwebp takes it.
 * https://developers.google.com/speed/webp/docs/riff_container
 */
export async function inspectWebp(reader: Reader): Promise<Structure> {
  const end = 8 + (await reader.at(4, 4)).readUInt32LE();
  if (end > reader.size) {
    throw new Truncated();
  }
  let size: Size | undefined;
  let hasPixels = false;
  let frames = 0;
  // What is shorter than the head of a chunk is none.
  await reader.pass({ start: 12, end: end - 7, least: 18 }, (bytes, index, position) => {
    const chunk = bytes.subarray(index, index + 18);
    const type = chunk.toString('latin1', 0, 4);
    const length = chunk.readUInt32LE(4);
    if (position + 8 + length > end) {
      throw new Truncated();
    }
    hasPixels ||= type === 'VP8 ' || type === 'VP8L' || type === 'ANMF';
    frames += Number(type === 'ANMF');
    size ??= sizeIn(type, chunk.subarray(8));
    return 8 + length + (length % 2);
  });
  if (size === undefined || !hasPixels) {
    throw new ImageIoError('INVALID_IMAGE', 'WebP file has no pixels');
  }
  return { ...size, frames: Math.max(1, frames) };
}

function sizeIn(type: string, data: Buffer): Size | undefined {
  if (type === 'VP8X' && data.length === 10) {
    return { width: data.readUIntLE(4, 3) + 1, height: data.readUIntLE(7, 3) + 1 };
  }
  if (type === 'VP8L' && data.length >= 5) {
    const bits = data.readUInt32LE(1);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (type === 'VP8 ' && data.length === 10) {
    return { width: data.readUInt16LE(6) & 0x3fff, height: data.readUInt16LE(8) & 0x3fff };
  }
  return undefined;
}
