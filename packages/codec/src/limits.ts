import { CodecError } from './errors.ts';
import { pixelBytes } from './image.ts';
import type { PixelArray, Shape } from './image.ts';
import { counted } from './text.ts';

/** Bounds that are checked before anything is allocated. */
export interface Limits {
  /** Bytes of a payload as transmitted. Default 4 GiB. */
  readonly maxImageBytes?: number;
  /** Width times height of pixels that are decoded. Default 268402689 (16383 squared), as in sharp. */
  readonly maxImagePixels?: number;
}

const GiB = 1024 ** 3;

/** Inflated pixels never take more than this, whatever a shape says. */
const maxInflatedBytes = GiB;

/**
 * The complete form of the limits.
 *
 * @param limits those that are to be others than the defaults of `Limits`. Default: none
 */
export function resolveLimits(limits: Limits = {}): Required<Limits> {
  return { maxImageBytes: 4 * GiB, maxImagePixels: 16383 ** 2, ...limits };
}

/** @throws CodecError `LIMIT_EXCEEDED` when a payload is larger than allowed. */
export function assertPayloadBytes(bytes: number, { maxImageBytes }: Required<Limits>): void {
  if (bytes > maxImageBytes) {
    throw new CodecError(
      'LIMIT_EXCEEDED',
      `payload of ${counted(bytes, 'byte')} exceeds the limit of ${counted(maxImageBytes, 'byte')}`,
    );
  }
}

/** @throws CodecError `LIMIT_EXCEEDED` when pixels of this shape may not be decoded. */
export function assertShape(
  shape: Shape,
  dtype: PixelArray['dtype'],
  { maxImagePixels }: Required<Limits>,
): void {
  const [height, width] = shape;
  if (height * width > maxImagePixels) {
    throw new CodecError(
      'LIMIT_EXCEEDED',
      `${width} x ${height} = ${height * width} pixels exceed the limit of ${maxImagePixels}`,
    );
  }
  const bytes = pixelBytes(shape, dtype);
  if (bytes > maxInflatedBytes) {
    throw new CodecError(
      'LIMIT_EXCEEDED',
      `pixels of shape (${shape.join(', ')}) take ${bytes} bytes, more than the limit of ${maxInflatedBytes}`,
    );
  }
}

/** Base64 and JSON take more than the payload; whole text beyond twice its limit is not parsed. */
export function assertTextBytes(bytes: number, limits: Required<Limits>): void {
  assertPayloadBytes(bytes / 2, limits);
}
