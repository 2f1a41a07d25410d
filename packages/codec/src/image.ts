import { CodecError } from './errors.ts';
import { counted, describe } from './text.ts';

/** Rows, columns and, for more than one value a pixel, channels; as `numpy.ndarray.shape`. */
export type Shape =
  | readonly [height: number, width: number]
  | readonly [height: number, width: number, channels: number];

/** Uncompressed pixels in C order (row by row, channels interleaved), native byte order. */
export type PixelArray =
  | { readonly shape: Shape; readonly dtype: 'uint8'; readonly data: Uint8Array }
  | { readonly shape: Shape; readonly dtype: 'uint16'; readonly data: Uint16Array };

/** Bytes that are read when they are needed, such as those of a file too large for memory. */
export interface ByteSource {
  /** How many bytes there are. */
  readonly size: number;
  /** The bytes from `start` up to, but without, `end`; both within the source. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** A source over bytes in memory, without a copy. */
export function byteSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: async (start, end) => bytes.subarray(start, end) };
}

/** An image file's bytes, such as those of a PNG or JPEG. */
export interface EncodedImage {
  /** As in a `content-type` header, for example `image/png`. */
  readonly mediaType: string;
  /** The whole file. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes in lower-case hex, where it is known already. Default: `encodeImage` finds out. */
  readonly sha256?: string;
}

/** An image file that is not in memory: it is read while it travels. */
export interface StoredImage {
  /** As in a `content-type` header, for example `image/png`. */
  readonly mediaType: string;
  /** Where its bytes are. */
  readonly source: ByteSource;
  /** SHA-256 of its bytes in lower-case hex. Default: it is read once more to find out. */
  readonly sha256?: string;
}

/** What identifies an image. */
export interface ImageAttributes {
  /** Unique within the customer: a non-empty, well-formed string. */
  readonly id: string;
  /** Whose image it is: a non-empty, well-formed string. */
  readonly customerId: string;
  /** When it was made, to the millisecond, in the years 1 to 9999. */
  readonly createdAt: Date;
  /** URI reference of the producer. */
  readonly source?: string;
  /** Name of the file that it came from, when there was one. */
  readonly filename?: string;
}

/** An image to send. */
export interface Image extends ImageAttributes {
  /** Pixels, or an image file in memory or elsewhere. */
  readonly content: PixelArray | EncodedImage | StoredImage;
}

/** An image that came in one record; it is in memory. */
export interface DecodedImage extends ImageAttributes {
  /** Pixels, or an image file; which one, `isPixelArray` tells. */
  readonly content: PixelArray | EncodedImage;
  /** What people should know about how it was read: which date it got where its record has none. */
  readonly remark?: string;
}

/** True for pixels, false for an image file. */
export function isPixelArray(content: Image['content']): content is PixelArray {
  return 'shape' in content;
}

const bytesPerValue = { uint8: 1, uint16: 2 } as const;

/** Bytes that pixels of a shape and dtype take, uncompressed. */
export function pixelBytes(shape: Shape, dtype: PixelArray['dtype']): number {
  const [height, width, channels = 1] = shape;
  return height * width * channels * bytesPerValue[dtype];
}

/** The array's memory as bytes, without a copy. */
export function bytesOf({ data }: PixelArray): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * A pixel array over bytes in native order; copies only where the dtype's alignment demands it.
 * `bytes` must hold exactly what the shape says.
 */
export function pixelArray(shape: Shape, dtype: PixelArray['dtype'], bytes: Uint8Array): PixelArray {
  if (dtype === 'uint8') {
    return { shape, dtype, data: bytes };
  }
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  return { shape, dtype, data: new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2) };
}

/** Refuses pixels whose shape is not one of an image or does not match their data. */
export function assertPixelArray(pixels: PixelArray): void {
  const { shape, dtype } = pixels;
  if ((shape.length !== 2 && shape.length !== 3) || !shape.every((n) => Number.isSafeInteger(n) && n > 0)) {
    throw new CodecError(
      'INVALID_IMAGE',
      `shape (${shape.join(', ')}) is not (height, width) or (height, width, channels) of positive integers`,
    );
  }
  const expected = pixelBytes(shape, dtype);
  if (pixels.data.byteLength !== expected) {
    throw new CodecError(
      'INVALID_IMAGE',
      `${dtype} pixels of shape (${shape.join(', ')}) take ${counted(expected, 'byte')}, but the data has ${pixels.data.byteLength}`,
    );
  }
}

/** Refuses an identifier that no format can carry unchanged. */
export function assertIdentifier(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || value === '') {
    throw new CodecError('MALFORMED_RECORD', `${name} must be a non-empty string, not ${describe(value)}`);
  }
  // A lone surrogate has no UTF-8: two distinct ids would become one.
  if (!isWellFormed(value)) {
    throw new CodecError('MALFORMED_RECORD', `${name} ${describe(value)} is not well-formed Unicode`);
  }
}

function isWellFormed(value: string): boolean {
  return !/\p{Surrogate}/u.test(value);
}
