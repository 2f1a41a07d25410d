import { crc32 } from 'node:zlib';
import { ImageIoError } from '../errors.ts';
import { unusualColours } from './cicp.ts';
import { Truncated } from './reader.ts';
import type { Reader, Structure } from './reader.ts';

/** The bit depths of each colour type; https://www.w3.org/TR/png-3/#11IHDR */
const bitDepths: Record<number, readonly number[]> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};

const maxSide = 2 ** 31 - 1;

/** A chunk that no decoder may do without, while its bytes go by. */
interface CriticalChunk {
  readonly type: string;
  readonly start: number;
  /** Bytes of data that are still to come. */
  left: number;
  /** Of its type and data so far. */
  crc: number;
}

/**
 * PNG: after 8 bytes, chunks of length, type, data and CRC up to IEND; of an animation, an fcTL for each frame, and an acTL
 * that says how many there are: decoders show no more than both.
 * https://www.w3.org/TR/png-3/#5Chunk-layout
 */
export async function inspectPng(reader: Reader): Promise<Structure> {
  const header = await reader.at(8, 25);
  if (header.readUInt32BE(0) !== 13 || header.toString('latin1', 4, 8) !== 'IHDR') {
    throw new ImageIoError('INVALID_IMAGE', 'PNG file does not begin with its header, IHDR');
  }
  const types = new Set<string>();
  let announced = 0;
  let frames = 0;
  let onlyOriginal: string | undefined;
  let critical: CriticalChunk | undefined;
  await reader.pass({ start: 8, end: Infinity, least: 16 }, (bytes, index, position) => {
    if (critical !== undefined && critical.left > 0) {
      const data = bytes.subarray(index, index + critical.left);
      critical.crc = crc32(data, critical.crc);
      critical.left -= data.length;
      return data.length;
    }
    if (critical !== undefined) {
      assertCrc(critical, bytes.subarray(index, index + 4));
      critical = undefined;
      return 4;
    }
    const start = bytes.subarray(index, index + 8);
    if (start.length < 8) {
      throw new Truncated();
    }
    const length = start.readUInt32BE(0);
    const type = start.toString('latin1', 4, 8);
    if (!/^[A-Za-z]{4}$/.test(type)) {
      throw new ImageIoError('INVALID_IMAGE', `PNG file has no chunk at byte ${position}`);
    }
    if (position + 12 + length > reader.size) {
      throw new Truncated();
    }
    // Of the last one, which holds nothing, no decoder asks for the CRC.
    if (type === 'IEND') {
      return undefined;
    }
    types.add(type);
    frames += Number(type === 'fcTL');
    if (type === 'acTL' && length === 8) {
      announced = bytes.readUInt32BE(index + 8);
    } else if (type === 'IDAT' && announced > 0 && frames === 0) {
      onlyOriginal ??= 'holds a picture beside its animation';
    } else if (type === 'cICP' && length === 4) {
      onlyOriginal ??= unusualColours(bytes[index + 8]!, bytes[index + 9]!);
    }
    // A capital first letter: no decoder may do without the chunk.
    if (type < 'a') {
      critical = { type, start: position, left: length, crc: crc32(start.subarray(4)) };
      return 8;
    }
    return 12 + length;
  });
  if (!types.has('IDAT')) {
    throw new ImageIoError('INVALID_IMAGE', 'PNG file has no pixels: there is no IDAT chunk');
  }
  const size = sizeIn(header.subarray(8), types);
  return { ...size, frames: Math.max(1, Math.min(announced, frames)), onlyOriginal };
}

function sizeIn(header: Buffer, types: Set<string>): Pick<Structure, 'width' | 'height'> {
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const [bitDepth, colourType, compression, filter, interlace] = header.subarray(8, 13);
  if (
    bitDepths[colourType!]?.includes(bitDepth!) !== true ||
    compression !== 0 ||
    filter !== 0 ||
    interlace! > 1 ||
    Math.max(width, height) > maxSide
  ) {
    throw new ImageIoError(
      'INVALID_IMAGE',
      `PNG file has an impossible header: ${width} x ${height} pixels of colour type ${colourType} with ${bitDepth} bits, compression ${compression}, filter ${filter}, interlace ${interlace}`,
    );
  }
  if (colourType === 3 && !types.has('PLTE')) {
    throw new ImageIoError('INVALID_IMAGE', 'PNG file of palette colours has no palette');
  }
  return { width, height };
}

function assertCrc({ type, start, crc }: CriticalChunk, stored: Buffer): void {
  if (stored.length < 4) {
    throw new Truncated();
  }
  if (stored.readUInt32BE() !== crc) {
    throw new ImageIoError(
      'INVALID_IMAGE',
      `PNG file is damaged: the CRC of its ${type} chunk at byte ${start} is ${crc.toString(16)}, not ${stored.toString('hex')} as stored`,
    );
  }
}
