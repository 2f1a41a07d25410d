import { promisify } from 'node:util';
import { constants, crc32, deflate, deflateSync } from 'node:zlib';
import { bytesOf } from '@image-stream/codec';
import type { ZlibOptions } from 'node:zlib';
import type { PixelArray } from '@image-stream/codec';

const signature = Buffer.from('89504e470d0a1a0a', 'hex');

/** By the number of channels: grey, grey with alpha, RGB, RGB with alpha. */
const colourTypes = [0, 4, 2, 6];

/**
 * What pays depends on what an image shows. Noise is stored. In a drawing, such as a screen, whole pieces repeat. In a
 * photograph, neighbours are alike but nothing repeats: differences from the neighbours are small, and to search them for
 * repetitions takes most of the time and finds little.
 */
export type PngForm = 'noise' | 'drawing' | 'photograph';

/** Bytes of each of the bands of rows, in the middle and at both ends, by which a form is chosen. */
const bandBytes = 10_240;

/** What a sample keeps of its size at most where it pays to compress it. */
const worthwhile = 0.9;

/** A sample that keeps no more is of flat areas; what is drawn elsewhere is better off as a drawing. */
const flat = 0.2;

/** Larger pieces of what comes out are fewer trips between threads. */
const photographOptions = { level: 1, strategy: constants.Z_RLE, chunkSize: 1024 ** 2 };

/** The form that makes samples of the pixels smallest. */
export function pngForm(pixels: PixelArray): PngForm {
  const { bytes, rowBytes, pixelBytes } = rowsOf(pixels);
  const height = bytes.length / rowBytes;
  const bandRows = Math.min(height, Math.ceil(bandBytes / rowBytes));
  const last = height - bandRows;
  const bands = [0, last >> 1, last].map((row) =>
    bytes.subarray(row * rowBytes, (row + bandRows) * rowBytes),
  );
  const sizeOf = (samples: Buffer[], options: ZlibOptions): number => {
    const sample = Buffer.concat(samples);
    return deflateSync(sample, { ...options, chunkSize: Math.max(64, sample.length) }).length / sample.length;
  };
  const drawing = sizeOf(bands, { level: 1 });
  // Without the first row, which has none above it.
  const differences = bands.map((band) => averaged(band, rowBytes, pixelBytes).subarray(rowBytes + 1));
  const photograph = bandRows > 1 ? sizeOf(differences, photographOptions) : 1;
  if (Math.min(drawing, photograph) > worthwhile) {
    return 'noise';
  }
  return drawing <= Math.max(photograph, flat) ? 'drawing' : 'photograph';
}

/**
 * The PNG file of a photograph, deflated off the main thread. sharp makes those of the other forms; it filters rows not at
 * all, or tries all filters on each: of photographs, without took twice as long and a third more bytes, with took three
 * times as long for the same size.
 *
 * https://www.w3.org/TR/png-3/#9Filters
 *
 * @param pixels of 1 to 4 channels
 */
export async function encodePhotograph(pixels: PixelArray): Promise<Buffer> {
  const [height, width, channels = 1] = pixels.shape;
  const { bytes, rowBytes, pixelBytes } = rowsOf(pixels);
  const rows = averaged(bytes, rowBytes, pixelBytes);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header[8] = (8 * pixelBytes) / channels;
  header[9] = colourTypes[channels - 1]!;
  return Buffer.concat([
    signature,
    ...chunk('IHDR', header),
    ...chunk('IDAT', await promisify(deflate)(rows, photographOptions)),
    ...chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The pixels' bytes in the order of PNG, which puts the higher one of 16 bits first. */
function rowsOf(pixels: PixelArray): {
  readonly bytes: Buffer;
  readonly rowBytes: number;
  readonly pixelBytes: number;
} {
  const [height, , channels = 1] = pixels.shape;
  const valueBytes = pixels.data.BYTES_PER_ELEMENT;
  const bytes = valueBytes === 1 ? bytesOf(pixels) : Buffer.from(bytesOf(pixels)).swap16();
  return { bytes, rowBytes: bytes.length / height, pixelBytes: channels * valueBytes };
}

/** Length, type, data, and the CRC-32 of type and data. */
function chunk(type: string, data: Buffer): Buffer[] {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length);
  head.write(type, 4, 'latin1');
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(data, crc32(type)));
  return [head, data, crc];
}

/** Filter 3: by how much each byte differs from the mean of those to the left and above, rounded down. */
function averaged(rows: Buffer, rowBytes: number, pixelBytes: number): Buffer {
  const height = rows.length / rowBytes;
  const filtered = Buffer.allocUnsafe(rows.length + height);
  const from = new DataView(rows.buffer, rows.byteOffset, rows.length);
  const to = new DataView(filtered.buffer, filtered.byteOffset, filtered.length);
  // Nothing is above the first row; one row more or less as it is makes no difference.
  filtered[0] = 0;
  rows.copy(filtered, 1, 0, rowBytes);
  for (let y = 1; y < height; y++) {
    const row = y * rowBytes;
    const end = row + rowBytes;
    let out = y * (rowBytes + 1);
    filtered[out++] = 3;
    let at = row;
    for (; at < row + pixelBytes; at++, out++) {
      filtered[out] = rows[at]! - (rows[at - rowBytes]! >> 1);
    }
    for (; at + 4 <= end; at += 4, out += 4) {
      const here = from.getInt32(at);
      const left = from.getInt32(at - pixelBytes);
      const above = from.getInt32(at - rowBytes);
      to.setInt32(out, minusInEachByte(here, meanInEachByte(left, above)));
    }
    for (; at < end; at++, out++) {
      filtered[out] = rows[at]! - ((rows[at - pixelBytes]! + rows[at - rowBytes]!) >> 1);
    }
  }
  return filtered;
}

/** Four means at once: what two bytes share, and half of what they do not. */
function meanInEachByte(a: number, b: number): number {
  return ((a & b) + (((a ^ b) & 0xfe_fe_fe_fe) >>> 1)) | 0;
}

/** Four differences at once: the highest bits are set aside, so that no byte borrows from the next. */
function minusInEachByte(a: number, b: number): number {
  return (((a | 0x80_80_80_80) - (b & 0x7f_7f_7f_7f)) | 0) ^ ((a ^ ~b) & 0x80_80_80_80);
}
