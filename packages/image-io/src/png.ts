import { deflateSync } from 'node:zlib';
import { bytesOf } from '@image-stream/codec';
import type { PixelArray } from '@image-stream/codec';

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

/** The form that makes samples of the pixels smallest. */
export function pngForm(pixels: PixelArray): PngForm {
  const { bytes, rowBytes, pixelBytes } = rowsOf(pixels);
  const height = bytes.length / rowBytes;
  const bandRows = Math.min(height, Math.ceil(bandBytes / rowBytes));
  const last = height - bandRows;
  const bands = [0, last >> 1, last].map((row) =>
    bytes.subarray(row * rowBytes, (row + bandRows) * rowBytes),
  );
  const drawing = deflatedShare(bands);
  // Without the first row, which has none above it.
  const photograph =
    bandRows > 1 ? deflatedShare(bands.map((band) => differences(band, rowBytes, pixelBytes))) : 1;
  if (Math.min(drawing, photograph) > worthwhile) {
    return 'noise';
  }
  return drawing <= Math.max(photograph, flat) ? 'drawing' : 'photograph';
}

/** What deflate leaves of samples, as a share of their bytes. */
function deflatedShare(samples: readonly Buffer[]): number {
  const sample = Buffer.concat(samples);
  return deflateSync(sample, { level: 1, chunkSize: Math.max(64, sample.length) }).length / sample.length;
}

/** By how much each byte below the first row differs from the mean of those to the left and above, as a PNG can keep it. */
function differences(rows: Buffer, rowBytes: number, pixelBytes: number): Buffer {
  const filtered = Buffer.allocUnsafe(rows.length - rowBytes);
  for (let at = rowBytes; at < rows.length; at++) {
    const left = at % rowBytes < pixelBytes ? 0 : rows[at - pixelBytes]!;
    filtered[at - rowBytes] = rows[at]! - ((left + rows[at - rowBytes]!) >> 1);
  }
  return filtered;
}

/**
 * The PNG file of a photograph, off the main thread. Each row gets the filter that suits it, and what remains is deflated quickly; libvips,
 * which makes those of the other forms, filters no row or tries all filters on each, and takes three times as long.
 *
 * @param pixels of 1 to 4 channels
 */
export async function encodePhotograph(pixels: PixelArray): Promise<Buffer> {
  const { Transformer, CompressionType, FilterType } = await import('@napi-rs/image');
  const options = { compressionType: CompressionType.Fast, filterType: FilterType.Adaptive };
  return new Transformer(pamFile(pixels)).png(options);
}

/** By the number of channels. */
const tupleTypes = ['GRAYSCALE', 'GRAYSCALE_ALPHA', 'RGB', 'RGB_ALPHA'];

/** The pixels behind a header that says what they are. https://netpbm.sourceforge.net/doc/pam.html */
function pamFile(pixels: PixelArray): Buffer {
  const [height, width, channels = 1] = pixels.shape;
  const header = [
    'P7',
    `WIDTH ${width}`,
    `HEIGHT ${height}`,
    `DEPTH ${channels}`,
    `MAXVAL ${pixels.dtype === 'uint16' ? 65_535 : 255}`,
    `TUPLTYPE ${tupleTypes[channels - 1]}`,
    'ENDHDR\n',
  ];
  return Buffer.concat([Buffer.from(header.join('\n')), rowsOf(pixels).bytes]);
}

/** The pixels' bytes in the order of PNG and PAM, which put the higher one of 16 bits first. */
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
