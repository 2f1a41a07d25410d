import { ImageIoError } from '../errors.ts';
import type { Reader } from './reader.ts';

/** A part of a file in the ISO base media format: its length, its type, then what is in it. ISO/IEC 14496-12, 4.2 */
export interface Box {
  readonly type: string;
  /** Where what is in it begins. */
  readonly start: number;
  readonly end: number;
}

/** Far more than any image has, side by side. */
const maxBoxes = 10_000;

/** The boxes in a part of a file, up to the first that is none or reaches beyond the end. */
export async function boxesIn(reader: Reader, start: number, end: number): Promise<Box[]> {
  const boxes: Box[] = [];
  for (let position = start; position + 8 <= end;) {
    const header = await reader.at(position, 8);
    const type = header.toString('latin1', 4, 8);
    const short = header.readUInt32BE(0);
    const isLong = short === 1 && position + 16 <= end;
    const length = isLong
      ? Number((await reader.at(position + 8, 8)).readBigUInt64BE())
      : short === 0
        ? end - position
        : short;
    const headerBytes = isLong ? 16 : 8;
    if (length < headerBytes || position + length > end || !/^[ -~]{4}$/.test(type)) {
      break;
    }
    boxes.push({ type, start: position + headerBytes, end: position + length });
    if (boxes.length > maxBoxes) {
      throw new ImageIoError('INVALID_IMAGE', `AVIF file has more than ${maxBoxes} boxes`);
    }
    position += length;
  }
  return boxes;
}

/** The boxes below others, by their types from the outside to the inside. */
export async function boxesBelow(reader: Reader, box: Box, ...types: string[]): Promise<Box[]> {
  let found = [box];
  for (const type of types) {
    const below = await Promise.all(found.map(({ start, end }) => boxesIn(reader, start, end)));
    found = below.flat().filter((candidate) => candidate.type === type);
  }
  return found;
}
