import { ImageIoError } from '../errors.ts';
import { Truncated } from './reader.ts';
import type { Reader, Structure } from './reader.ts';

type Size = Pick<Structure, 'width' | 'height'>;

/**
 * WebP: a RIFF file of chunks, each padded to an even length.
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
  for (let position = 12; position < end;) {
    const chunk = await reader.at(position, 8);
    const type = chunk.toString('latin1', 0, 4);
    const length = chunk.readUInt32LE(4);
    if (position + 8 + length > end) {
      throw new Truncated();
    }
    hasPixels ||= ['VP8 ', 'VP8L', 'ANMF'].includes(type);
    frames += Number(type === 'ANMF');
    size ??= await sizeIn(type, reader, position + 8);
    position += 8 + length + (length % 2);
  }
  if (size === undefined || !hasPixels) {
    throw new ImageIoError('INVALID_IMAGE', 'WebP file has no pixels');
  }
  return { ...size, frames: Math.max(1, frames) };
}

async function sizeIn(type: string, reader: Reader, start: number): Promise<Size | undefined> {
  if (type === 'VP8X') {
    const header = await reader.at(start, 10);
    return { width: header.readUIntLE(4, 3) + 1, height: header.readUIntLE(7, 3) + 1 };
  }
  if (type === 'VP8L') {
    const bits = (await reader.at(start, 5)).readUInt32LE(1);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (type === 'VP8 ') {
    const header = await reader.at(start, 10);
    return { width: header.readUInt16LE(6) & 0x3fff, height: header.readUInt16LE(8) & 0x3fff };
  }
  return undefined;
}
