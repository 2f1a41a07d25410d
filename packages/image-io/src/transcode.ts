import {
  encodeNpy,
  isPixelArray,
  isWorthCompressing,
  bytesOf,
  npyMediaType,
  pixelArray,
} from '@image-stream/codec';
import type { EncodedImage, PixelArray } from '@image-stream/codec';
import type { Sharp } from 'sharp';
import { ImageIoError } from './errors.ts';

/** The formats that images are encoded in. */
export const encodings = ['png', 'jpeg', 'webp', 'avif', 'npy'] as const;
export type Encoding = (typeof encodings)[number];

/** True where every pixel comes back as it went in. */
export function isLossless(encoding: Encoding): boolean {
  return encoding === 'png' || encoding === 'npy';
}

/** How to encode. */
export interface TranscodeOptions {
  /** 1 to 100, for jpeg, webp and avif. Default: sharp's own, 80 for jpeg and webp, 50 for avif. */
  readonly quality?: number | undefined;
  /** Width times height of an encoded image that is decoded. Default 268402689, sharp's own. */
  readonly maxImagePixels?: number | undefined;
}

/**
 * Pixels or an encoded image in another encoding, off the main thread.
 *
 * @throws ImageIoError `INVALID_IMAGE` when an encoded image cannot be decoded, `UNSUPPORTED` when
 * the encoding cannot hold the image's channels or depth
 */
export async function transcode(
  content: PixelArray | EncodedImage,
  encoding: Encoding,
  options: TranscodeOptions = {},
): Promise<EncodedImage> {
  if (encoding === 'npy') {
    const pixels = isPixelArray(content) ? content : await decodePixels(content, options);
    return { mediaType: npyMediaType, bytes: encodeNpy(pixels) };
  }
  if (isPixelArray(content) && content.dtype === 'uint16' && encoding !== 'png') {
    throw new ImageIoError(
      'UNSUPPORTED',
      `${encoding} holds 8 bits a channel here, the image has 16; use png or npy`,
    );
  }
  const image = isPixelArray(content)
    ? await openPixels(content)
    : (await openEncoded(content, options)).autoOrient();
  const { quality } = options;
  const formatted = {
    png: () => image.png({ compressionLevel: pngLevel(content) }),
    jpeg: () => image.jpeg({ ...(quality !== undefined && { quality }) }),
    webp: () => image.webp({ ...(quality !== undefined && { quality }) }),
    avif: () => image.avif({ ...(quality !== undefined && { quality }) }),
  }[encoding]();
  return { mediaType: `image/${encoding}`, bytes: await decoded(formatted.toBuffer()) };
}

/** The spaces of images whose pixels are kept as they are; others are converted to sRGB. */
const nativeSpaces = new Set(['b-w', 'grey16', 'srgb', 'rgb16']);

/** The pixels of an encoded image as it is stored: orientation is not applied, grey stays grey. */
export async function decodePixels(image: EncodedImage, options: TranscodeOptions = {}): Promise<PixelArray> {
  const sharp = await openEncoded(image, options);
  const { depth, space, channels: stored } = await decoded(sharp.metadata());
  const dtype = depth === 'ushort' ? 'uint16' : 'uint8';
  // sharp's raw output drops the alpha of 8-bit grey, so that one comes as RGBA.
  const isGreyAlpha = space === 'b-w' && stored === 2;
  // Without this, sharp turns grey into RGB and 16 bits into 8 on the way.
  const isKept = nativeSpaces.has(space) && !isGreyAlpha;
  const native = isKept ? sharp.pipelineColourspace(space).toColourspace(space) : sharp;
  const raw = native.raw({ depth: dtype === 'uint16' ? 'ushort' : 'uchar' });
  const { data, info } = await decoded(raw.toBuffer({ resolveWithObject: true }));
  const { height, width, channels } = info;
  if (isGreyAlpha) {
    const greyAlpha = data.filter((_value, index) => index % 4 === 0 || index % 4 === 3);
    return pixelArray([height, width, 2], dtype, greyAlpha);
  }
  return pixelArray(channels === 1 ? [height, width] : [height, width, channels], dtype, data);
}

/** Whether two encoded images show the same pixels, however they were compressed. */
export async function samePixels(
  one: EncodedImage,
  other: EncodedImage,
  options: TranscodeOptions = {},
): Promise<boolean> {
  const [a, b] = await Promise.all([decodePixels(one, options), decodePixels(other, options)]);
  return a.dtype === b.dtype && a.shape.join() === b.shape.join() && bytesOf(a).equals(bytesOf(b));
}

/** Deflating noise takes a hundred milliseconds and saves nothing; it is stored. */
function pngLevel(content: PixelArray | EncodedImage): number {
  return isPixelArray(content) && !isWorthCompressing(bytesOf(content)) ? 0 : 6;
}

async function openPixels(pixels: PixelArray): Promise<Sharp> {
  const [height, width, channels = 1] = pixels.shape;
  if (channels > 4) {
    throw new ImageIoError(
      'UNSUPPORTED',
      `an image file holds 1 to 4 channels, the pixels have ${channels}; use npy`,
    );
  }
  const sharp = await loadSharp();
  const raw = { width, height, channels: channels as 1 | 2 | 3 | 4 };
  const image = sharp(pixels.data, { raw, limitInputPixels: false });
  if (channels > 2) {
    return pixels.dtype === 'uint16' ? image.toColourspace('rgb16') : image;
  }
  return image.toColourspace(pixels.dtype === 'uint16' ? 'grey16' : 'b-w');
}

async function openEncoded({ bytes }: EncodedImage, { maxImagePixels }: TranscodeOptions): Promise<Sharp> {
  const sharp = await loadSharp();
  return sharp(bytes, {
    failOn: 'warning',
    ...(maxImagePixels !== undefined && { limitInputPixels: maxImagePixels }),
  });
}

/** libvips is loaded when the first image needs it, so that `--help` does not wait for it. */
async function loadSharp(): Promise<(typeof import('sharp'))['default']> {
  return (await import('sharp')).default;
}

async function decoded<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw new ImageIoError('INVALID_IMAGE', `image cannot be decoded: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
