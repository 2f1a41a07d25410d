import { byteSource, decodeNpy, isPixelArray, npyMediaType, resolveLimits } from '@image-stream/codec';
import type { Image, PixelArray } from '@image-stream/codec';
import type { Sharp } from 'sharp';
import { encodingOf } from './encodings.ts';
import type { Encoding } from './encodings.ts';
import { ImageIoError } from './errors.ts';
import { defaultMaxPixels, inspectImage } from './inspect.ts';
import { decoded, inputOf, loadSharp } from './libvips.ts';

/** An image of which the header was read, and that libvips can decode. */
export interface OpenedImage {
  readonly image: Sharp;
  /** As which encoding it came; npy also for an array in memory. */
  readonly encoding: Encoding | undefined;
  /** Where it is an array in memory. */
  readonly pixels?: PixelArray;
  /** Columns and rows as they are shown, after any orientation is applied; of an animation, those of a frame. */
  readonly width: number;
  readonly height: number;
  /** libvips' name of the colour space. */
  readonly space: string;
  readonly isGrey: boolean;
  readonly is16Bit: boolean;
  readonly hasAlpha: boolean;
  readonly hasProfile: boolean;
  readonly frames: number;
}

/** The most that sharp takes. */
const maxFrames = 100_000;

/**
 * Reads what an image says about itself; its pixels are decoded later, and those of a file piece by piece.
 *
 * @throws ImageIoError `INVALID_IMAGE`, `LIMIT_EXCEEDED`, or `UNSUPPORTED` for pixels of another type than unsigned
 * integers of 8 or 16 bits, and for arrays of more than 4 channels
 */
export async function openImage(
  content: Image['content'],
  {
    maxImagePixels,
    firstFrameOnly = false,
  }: { readonly maxImagePixels?: number | undefined; readonly firstFrameOnly?: boolean },
): Promise<OpenedImage> {
  if (isPixelArray(content)) {
    return openPixels(content);
  }
  const source = 'source' in content ? content.source : byteSource(content.bytes);
  const limit = maxImagePixels ?? Math.max(defaultMaxPixels, source.size);
  const { mediaType, width, height, ...info } = await inspectImage(source, { maxImagePixels: limit });
  const frames = firstFrameOnly ? 1 : info.frames;
  if (width * height * frames > limit) {
    throw new ImageIoError(
      'LIMIT_EXCEEDED',
      `${frames} frames of ${width} x ${height} pixels exceed the limit of ${limit}`,
    );
  }
  if (frames > maxFrames) {
    throw new ImageIoError('LIMIT_EXCEEDED', `${frames} frames exceed the limit of ${maxFrames}`);
  }
  if (mediaType === npyMediaType) {
    const limits = resolveLimits({ maxImagePixels: limit });
    return openPixels(decodeNpy(await source.read(0, source.size), limits));
  }
  const sharp = await loadSharp();
  const input = await inputOf(source);
  const settings = { failOn: 'warning', limitInputPixels: limit, pages: frames } as const;
  const metadata = await decoded(() => sharp(input, settings).metadata());
  const { depth, space, channels, autoOrient } = metadata;
  if (depth !== 'uchar' && depth !== 'ushort') {
    throw new ImageIoError(
      'UNSUPPORTED',
      `pixels of type ${depth} cannot be re-encoded, only unsigned integers of 8 or 16 bits; keep the image as original`,
    );
  }
  return {
    image: sharp(input, settings),
    encoding: encodingOf(mediaType),
    width: autoOrient.width,
    height: metadata.pageHeight ?? autoOrient.height,
    space,
    isGrey: channels < 3,
    is16Bit: depth === 'ushort',
    hasAlpha: metadata.hasAlpha,
    hasProfile: metadata.hasProfile,
    frames,
  };
}

async function openPixels(pixels: PixelArray): Promise<OpenedImage> {
  const [height, width, channels = 1] = pixels.shape;
  if (channels > 4) {
    throw new ImageIoError(
      'UNSUPPORTED',
      `an image file holds 1 to 4 channels, the pixels have ${channels}; use npy`,
    );
  }
  const sharp = await loadSharp();
  const raw = { width, height, channels: channels as 1 | 2 | 3 | 4 };
  const isGrey = channels < 3;
  const is16Bit = pixels.dtype === 'uint16';
  return {
    image: sharp(pixels.data, { raw, limitInputPixels: false }),
    encoding: 'npy',
    pixels,
    width,
    height,
    space: isGrey ? (is16Bit ? 'grey16' : 'b-w') : is16Bit ? 'rgb16' : 'srgb',
    isGrey,
    is16Bit,
    hasAlpha: channels % 2 === 0,
    hasProfile: false,
    frames: 1,
  };
}
