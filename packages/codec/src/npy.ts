import { CodecError } from './errors.ts';
import { assertPixelArray, bytesOf, pixelArray, pixelBytes } from './image.ts';
import type { PixelArray, Shape } from './image.ts';
import { assertShape } from './limits.ts';
import type { Limits } from './limits.ts';

/*
 * NPY, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 *
 *     0   magic     \x93NUMPY
 *     6   version   major, minor: 1.0, 2.0 or 3.0
 *     8   length    of the header, little-endian: 2 bytes in version 1, 4 bytes after it
 *     .   header    a Python dict literal of descr, fortran_order and shape, padded with
 *                   spaces and ended by \n so that the data begins at a multiple of 64
 *     .   data
 */
const magic = Buffer.from('\x93NUMPY', 'latin1');

/** NumPy itself refuses to parse longer headers of strangers. An image's takes 118 bytes. */
const maxHeaderBytes = 10_000;

/** More than enough of a file for `readNpyHeader`. */
export const npyHeadBytes = 12 + maxHeaderBytes;

const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** What the header of a NPY file says. */
export interface NpyHeader {
  readonly shape: Shape;
  readonly dtype: PixelArray['dtype'];
  /** Of values of two bytes, the higher one comes first. */
  readonly bigEndian: boolean;
  /** The first index varies fastest, not the last one. */
  readonly fortranOrder: boolean;
  /** Where the data begins. */
  readonly dataOffset: number;
  /** Bytes of the whole file. */
  readonly totalBytes: number;
}

/**
 * Pixels as a NPY 1.0 file, C order.
 *
 * @throws CodecError `INVALID_IMAGE` when the shape is not one of an image, or does not match the data
 */
export function encodeNpy(pixels: PixelArray): Buffer {
  assertPixelArray(pixels);
  const order = hostIsLittleEndian ? '<' : '>';
  const descr = pixels.dtype === 'uint8' ? '|u1' : `${order}u2`;
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${pixels.shape.join(', ')}), }`;
  const padding = 63 - ((10 + dict.length) % 64);
  const header = Buffer.from(`${dict}${' '.repeat(padding)}\n`, 'latin1');
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  return Buffer.concat([magic, Buffer.of(1, 0), length, header, bytesOf(pixels)]);
}

/**
 * Pixels from a NPY file of version 1 to 3, either byte order, C or Fortran order. The result
 * shares the file's memory where its order allows.
 *
 * @throws CodecError `MALFORMED_RECORD`, `UNSUPPORTED`, `LIMIT_EXCEEDED`, or `CORRUPT_PAYLOAD`
 * when the file is shorter or longer than its header says
 */
export function decodeNpy(file: Uint8Array, limits: Required<Limits>): PixelArray {
  const header = readNpyHeader(file, limits);
  if (file.length !== header.totalBytes) {
    throw new CodecError(
      'CORRUPT_PAYLOAD',
      `NPY file has ${file.length} bytes where its header announces ${header.totalBytes}`,
    );
  }
  const pixels = pixelArray(header.shape, header.dtype, file.subarray(header.dataOffset));
  const native = header.bigEndian === hostIsLittleEndian ? swapBytes(pixels) : pixels;
  return header.fortranOrder ? toRowMajor(native) : native;
}

/**
 * What a NPY file's first bytes say, within the limits.
 *
 * @param head at least up to the end of the header; `npyHeadBytes` are always enough
 * @throws CodecError `MALFORMED_RECORD`, `UNSUPPORTED`, `LIMIT_EXCEEDED`, or `CORRUPT_PAYLOAD` when it ends within the
 * header
 */
export function readNpyHeader(head: Uint8Array, limits: Required<Limits>): NpyHeader {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  if (!bytes.subarray(0, 6).equals(magic)) {
    throw new CodecError('MALFORMED_RECORD', 'not an NPY file: it does not begin with \\x93NUMPY');
  }
  if (bytes.length < 12) {
    throw new CodecError(
      'CORRUPT_PAYLOAD',
      `NPY file is cut off: it ends at byte ${bytes.length}, within its first 12`,
    );
  }
  const version = bytes[6]!;
  if (version < 1 || version > 3) {
    throw new CodecError('UNSUPPORTED', `NPY version ${version}.${bytes[7]} is not one of 1.0, 2.0 and 3.0`);
  }
  const headerOffset = version === 1 ? 10 : 12;
  const headerLength = version === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8);
  if (headerLength > maxHeaderBytes) {
    throw new CodecError(
      'LIMIT_EXCEEDED',
      `NPY header of ${headerLength} bytes exceeds the limit of ${maxHeaderBytes}, which no option raises`,
    );
  }
  const dataOffset = headerOffset + headerLength;
  if (bytes.length < dataOffset) {
    throw new CodecError(
      'CORRUPT_PAYLOAD',
      `NPY file ends within its header, at byte ${bytes.length} of ${dataOffset}`,
    );
  }
  const { descr, fortranOrder, shape } = parseDict(bytes.toString('latin1', headerOffset, dataOffset));
  const { dtype, bigEndian } = parseDescr(descr);
  assertShape(shape, dtype, limits);
  return {
    shape,
    dtype,
    bigEndian,
    fortranOrder,
    dataOffset,
    totalBytes: dataOffset + pixelBytes(shape, dtype),
  };
}

function parseDict(header: string): { descr: string; fortranOrder: boolean; shape: Shape } {
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1];
  const fortranOrder = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  const shape = /'shape'\s*:\s*\(([\d\s,L]*)\)/.exec(header)?.[1];
  if (descr === undefined || fortranOrder === undefined || shape === undefined) {
    throw new CodecError(
      'MALFORMED_RECORD',
      `NPY header ${JSON.stringify(header.slice(0, 200))} lacks a plain 'descr', 'fortran_order' or 'shape'`,
    );
  }
  return { descr, fortranOrder: fortranOrder === 'True', shape: parseShape(shape) };
}

function parseShape(text: string): Shape {
  const dimensions = text.split(',').map((dimension) => dimension.trim().replace(/L$/, ''));
  if (dimensions.at(-1) === '') {
    dimensions.pop();
  }
  const numbers = dimensions.map((dimension) => (/^\d{1,10}$/.test(dimension) ? Number(dimension) : 0));
  if ((numbers.length !== 2 && numbers.length !== 3) || numbers.includes(0)) {
    throw new CodecError(
      'UNSUPPORTED',
      `NPY shape (${text.trim().slice(0, 200)}) is not (height, width) or (height, width, channels)`,
    );
  }
  return numbers as [number, number] | [number, number, number];
}

function parseDescr(descr: string): { dtype: PixelArray['dtype']; bigEndian: boolean } {
  const match = /^([<>|=])u([12])$/.exec(descr);
  if (match === null || (match[2] === '2' && match[1] === '|')) {
    throw new CodecError(
      'UNSUPPORTED',
      `NPY dtype '${descr.slice(0, 50)}' is not uint8 ('|u1') or uint16 ('<u2', '>u2')`,
    );
  }
  if (match[2] === '1') {
    return { dtype: 'uint8', bigEndian: !hostIsLittleEndian };
  }
  return { dtype: 'uint16', bigEndian: match[1] === '=' ? !hostIsLittleEndian : match[1] === '>' };
}

function swapBytes(pixels: PixelArray): PixelArray {
  return pixelArray(pixels.shape, pixels.dtype, Buffer.from(bytesOf(pixels)).swap16());
}

/** Fortran order has the first index vary fastest: (row, column, channel) lies at row + height * (column + width * channel). */
function toRowMajor(pixels: PixelArray): PixelArray {
  const [height, width, channels = 1] = pixels.shape;
  const rowMajor = new (pixels.dtype === 'uint8' ? Uint8Array : Uint16Array)(pixels.data.length);
  let target = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      for (let channel = 0; channel < channels; channel++) {
        rowMajor[target++] = pixels.data[row + height * (column + width * channel)]!;
      }
    }
  }
  return { ...pixels, data: rowMajor } as PixelArray;
}
