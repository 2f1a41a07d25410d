import { ImageIoError } from '../errors.ts';
import { Truncated } from './reader.ts';
import type { Reader, Structure } from './reader.ts';

/**
 * PNG: after 8 bytes, chunks of length, type, data and CRC up to IEND; acTL counts the frames of an animation.
 * https://www.w3.org/TR/png-3/#5Chunk-layout
 */
export async function inspectPng(reader: Reader): Promise<Structure> {
  const header = await reader.at(8, 25);
  if (header.readUInt32BE(0) !== 13 || header.toString('latin1', 4, 8) !== 'IHDR') {
    throw new ImageIoError('INVALID_IMAGE', 'PNG file does not begin with its header, IHDR');
  }
  let frames = 1;
  let hasPixels = false;
  for (let position = 33; ;) {
    const chunk = await reader.at(position, 8);
    const type = chunk.toString('latin1', 4, 8);
    if (!/^[A-Za-z]{4}$/.test(type)) {
      throw new ImageIoError('INVALID_IMAGE', `PNG file has no chunk at byte ${position}`);
    }
    hasPixels ||= type === 'IDAT';
    if (type === 'acTL') {
      frames = (await reader.at(position + 8, 4)).readUInt32BE();
    }
    position += 12 + chunk.readUInt32BE(0);
    if (position > reader.size) {
      throw new Truncated();
    }
    if (type === 'IEND') {
      break;
    }
  }
  if (!hasPixels) {
    throw new ImageIoError('INVALID_IMAGE', 'PNG file has no pixels: there is no IDAT chunk');
  }
  return { width: header.readUInt32BE(8), height: header.readUInt32BE(12), frames };
}
