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
  /** What raises a limit, for messages: the option of a program, for example. Default: the names of these members. */
  readonly raisedBy?: { readonly maxImageBytes?: string; readonly maxImagePixels?: string } | undefined;
}

const GiB = 1024 ** 3;

const defaultMaxImageBytes = 4 * GiB;

/** What was compressed never takes more than this, whatever it says. */
export const maxInflatedBytes = GiB;

/**
 * The complete form of the limits.
 *
 * @param limits those that are to be others than the defaults of `Limits`. Default: none
 */
export function resolveLimits(limits: Limits = {}): Required<Limits> {
  return { maxImageBytes: defaultMaxImageBytes, maxImagePixels: 16383 ** 2, raisedBy: {}, ...limits };
}

/** Says in a message which setting raises a limit. */
export function raise(
  limit: keyof NonNullable<Limits['raisedBy']>,
  { raisedBy }: Pick<Limits, 'raisedBy'>,
): string {
  return `${raisedBy?.[limit] ?? limit} raises it`;
}

/** @throws CodecError `LIMIT_EXCEEDED` when a payload is larger than allowed. */
export function assertPayloadBytes(
  bytes: number,
  limits: { readonly maxImageBytes?: number | undefined } & Pick<Limits, 'raisedBy'>,
): void {
  const { maxImageBytes = defaultMaxImageBytes } = limits;
  if (bytes > maxImageBytes) {
    throw new CodecError(
      'LIMIT_EXCEEDED',
      `payload of ${counted(bytes, 'byte')} exceeds the limit of ${counted(maxImageBytes, 'byte')}; ${raise('maxImageBytes', limits)}`,
    );
  }
}

/** @throws CodecError `LIMIT_EXCEEDED` when pixels of this shape may not be decoded. */
export function assertShape(shape: Shape, dtype: PixelArray['dtype'], limits: Required<Limits>): void {
  const [height, width] = shape;
  if (height * width > limits.maxImagePixels) {
    throw new CodecError('LIMIT_EXCEEDED', tooManyPixels(width, height, limits.maxImagePixels, limits));
  }
  assertInflatable(shape, dtype, 'LIMIT_EXCEEDED');
}

/** Refuses pixels that take more than is ever inflated. */
export function assertInflatable(
  shape: Shape,
  dtype: PixelArray['dtype'],
  code: 'LIMIT_EXCEEDED' | 'INVALID_IMAGE',
): void {
  const bytes = pixelBytes(shape, dtype);
  if (bytes > maxInflatedBytes) {
    throw new CodecError(
      code,
      `pixels of shape (${shape.join(', ')}) take ${bytes} bytes, more than the limit of ${maxInflatedBytes}, which no option raises; send them as a PNG or TIFF file`,
    );
  }
}

/** The message for an image of more pixels than a limit allows. */
export function tooManyPixels(
  width: number,
  height: number,
  limit: number,
  limits: Pick<Limits, 'raisedBy'>,
): string {
  return `${width} x ${height} = ${width * height} pixels exceed the limit of ${limit}; ${raise('maxImagePixels', limits)}`;
}

/** Base64 and JSON take more than the payload; whole text beyond twice its limit is not parsed. */
export function assertTextBytes(bytes: number, limits: Required<Limits>): void {
  assertPayloadBytes(bytes / 2, limits);
}
