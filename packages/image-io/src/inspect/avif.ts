import { ImageIoError } from '../errors.ts';
import { Truncated } from './reader.ts';
import type { Reader, Structure } from './reader.ts';

interface Box {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** Far more boxes than any image has. */
const maxBoxes = 10_000;

/** Boxes that hold others, and the bytes before these. */
const containers: Record<string, number> = {
  meta: 4,
  iprp: 0,
  ipco: 0,
  moov: 0,
  trak: 0,
  mdia: 0,
  minf: 0,
  stbl: 0,
};

type Size = Pick<Structure, 'width' | 'height'>;

/**
 * AVIF: boxes of length and type up to the end of the file; the dimensions are those of the largest `ispe`, and of a
 * sequence those of its tracks, which also count its frames. https://aomediacodec.github.io/av1-avif/, ISO/IEC 14496-12
 */
export async function inspectAvif(reader: Reader): Promise<Structure> {
  let size: Size | undefined;
  let boxes = 0;
  let frames = 1;
  const types = new Set<string>();

  const walk = async (start: number, end: number): Promise<void> => {
    for (let position = start; position < end;) {
      const box = await boxAt(reader, position, end);
      boxes += 1;
      if (boxes > maxBoxes) {
        throw new ImageIoError('INVALID_IMAGE', `AVIF file has more than ${maxBoxes} boxes`);
      }
      types.add(box.type);
      const found = await sizeIn(box, reader);
      if (found !== undefined && found.width * found.height > (size?.width ?? 0) * (size?.height ?? 0)) {
        size = found;
      }
      if (box.type === 'stsz') {
        frames = Math.max(frames, (await reader.at(box.start + 8, 4)).readUInt32BE());
      }
      const before = Object.hasOwn(containers, box.type) ? containers[box.type] : undefined;
      if (before !== undefined) {
        await walk(box.start + before, box.end);
      }
      position = box.end;
    }
  };
  await walk(0, reader.size);
  if (!types.has('mdat') && !types.has('idat')) {
    throw new Truncated();
  }
  if (size === undefined) {
    throw new ImageIoError('INVALID_IMAGE', 'AVIF file does not say how large its image is');
  }
  return { ...size, frames };
}

async function boxAt(reader: Reader, position: number, end: number): Promise<Box> {
  const header = await reader.at(position, 8);
  const type = header.toString('latin1', 4, 8);
  const short = header.readUInt32BE(0);
  const isLong = short === 1;
  const length = isLong
    ? Number((await reader.at(position + 8, 8)).readBigUInt64BE())
    : short === 0
      ? end - position
      : short;
  if (length < (isLong ? 16 : 8)) {
    throw new ImageIoError('INVALID_IMAGE', `AVIF file has a box of ${length} bytes at byte ${position}`);
  }
  if (position + length > end) {
    throw new Truncated();
  }
  return { type, start: position + (isLong ? 16 : 8), end: position + length };
}

async function sizeIn({ type, start, end }: Box, reader: Reader): Promise<Size | undefined> {
  if (type === 'ispe') {
    const box = await reader.at(start, 12);
    return { width: box.readUInt32BE(4), height: box.readUInt32BE(8) };
  }
  if (type === 'tkhd' && end - start >= 8) {
    // Fixed point, 16 bits before the point.
    const box = await reader.at(end - 8, 8);
    return { width: box.readUInt16BE(0), height: box.readUInt16BE(4) };
  }
  return undefined;
}
