import { crc32 } from 'node:zlib';
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
  await assertCrc(reader, 'IHDR', 12, 29);
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
    // A capital first letter: no decoder may do without the chunk. Of the last one, which holds nothing, none asks for it.
    if (type < 'a' && type !== 'IEND') {
      await assertCrc(reader, type, position - 12 - chunk.readUInt32BE(0) + 4, position - 4);
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

const stepBytes = 65_536;

/** That the CRC of a chunk, which lies behind it, is that of its type and data. */
async function assertCrc(reader: Reader, type: string, start: number, end: number): Promise<void> {
  let actual = 0;
  for (let position = start; position < end; position += stepBytes) {
    actual = crc32(await reader.at(position, Math.min(stepBytes, end - position)), actual);
  }
  const stored = (await reader.at(end, 4)).readUInt32BE();
  if (stored !== actual) {
    throw new ImageIoError(
      'INVALID_IMAGE',
      `PNG file is damaged: the CRC of its ${type} chunk at byte ${start} is ${actual.toString(16)}, not ${stored.toString(16)} as stored`,
    );
  }
}
