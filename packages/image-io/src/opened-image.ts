import { byteSource, decodeNpy, isPixelArray, npyMediaType, raise, resolveLimits } from '@image-stream/codec';
import type { ByteSource, Image, Limits, PixelArray } from '@image-stream/codec';
import type { Metadata, Sharp } from 'sharp';
import { encodingOf } from './encodings.ts';
import type { Encoding } from './encodings.ts';
import { ImageIoError } from './errors.ts';
import { defaultMaxPixels, inspectStructure } from './inspect.ts';
import type { Range, Structure } from './inspect/reader.ts';
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
  /** Whether it is shown as its pixels lie in the file, not turned. */
  readonly isUpright: boolean;
  /** What the file holds that re-encoding would lose or show wrongly, as "it ...". */
  readonly onlyOriginal?: string | undefined;
  /** Of each channel, the values that black and white have, where they are not the least and the largest. */
  readonly levels?: readonly Levels[] | undefined;
}

/** The values of black and white in a channel. */
export interface Levels {
  readonly black: number;
  readonly white: number;
}

/** How to open an image. */
export interface OpenOptions extends Pick<Limits, 'raisedBy'> {
  /** Width times height times frames. Default: as `inspectImage`. */
  readonly maxImagePixels?: number | undefined;
  readonly firstFrameOnly?: boolean;
  /** Takes what decoders only warn of, which may be damage. Default: false */
  readonly ignoresWarnings?: boolean | undefined;
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
  { maxImagePixels, raisedBy, firstFrameOnly = false, ignoresWarnings = false }: OpenOptions,
): Promise<OpenedImage> {
  if (isPixelArray(content)) {
    return openPixels(content);
  }
  const source = 'source' in content ? content.source : byteSource(content.bytes);
  const limit = maxImagePixels ?? Math.max(defaultMaxPixels, source.size);
  const structure = await inspectStructure(source, { maxImagePixels: limit, raisedBy });
  const { mediaType, width, height, strayBytes = [], firstPage = 0, hidesDamage = false } = structure;
  const frames = firstFrameOnly ? 1 : structure.frames;
  if (width * height * frames > limit) {
    throw new ImageIoError(
      'LIMIT_EXCEEDED',
      `${frames} frames of ${width} x ${height} pixels exceed the limit of ${limit}; ${raise('maxImagePixels', { raisedBy })}`,
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
  const input = strayBytes.length > 0 ? await without(strayBytes, source) : await inputOf(source);
  const failOn = hidesDamage && !ignoresWarnings ? 'warning' : 'error';
  const settings = { failOn, limitInputPixels: limit, page: firstPage, pages: frames } as const;
  const metadata = await decoded(() => sharp(input, settings).metadata()).catch((error: unknown) => {
    throw structure.onlyOriginal === undefined ? error : notReencoded(structure.onlyOriginal);
  });
  const { depth, space, channels, autoOrient, orientation = 1, pages = 1 } = metadata;
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
    isUpright: orientation === 1,
    onlyOriginal:
      structure.onlyOriginal ??
      (mediaType === 'image/avif' && pages > structure.frames ? `holds ${pages} pictures` : undefined),
    levels: levelsOf(metadata, structure),
  };
}

/** What is thrown for an image that can only be kept as it is. @param reason as "it ..." */
export function notReencoded(reason: string): ImageIoError {
  return new ImageIoError('UNSUPPORTED', `image ${reason}, which re-encoding would lose; use original`);
}

/** All of a file but some parts of it. */
async function without(parts: readonly Range[], source: ByteSource): Promise<Buffer> {
  const starts = [0, ...parts.map(({ end }) => end)];
  const ends = [...parts.map(({ start }) => start), source.size];
  return Buffer.concat(await Promise.all(starts.map((start, index) => source.read(start, ends[index]!))));
}

/** What libvips hands out of an AVIF file as it is in there: 10 or 12 bits, moved up to 16; and limited ranges of grey and alpha. */
function levelsOf(
  { format, depth, bitsPerSample = 8, channels, hasAlpha }: Metadata,
  { isLimitedGrey = false, isLimitedAlpha = false }: Structure,
): Levels[] | undefined {
  if (format !== 'heif' || (bitsPerSample === 8 && !isLimitedGrey && !isLimitedAlpha)) {
    return undefined;
  }
  const scale = depth === 'ushort' ? 256 : 1;
  const full = { black: 0, white: scale === 1 ? 255 : (2 ** bitsPerSample - 1) * 2 ** (16 - bitsPerSample) };
  const limited = { black: 16 * scale, white: 235 * scale };
  const colours = Array.from({ length: channels - Number(hasAlpha) }, () => (isLimitedGrey ? limited : full));
  return hasAlpha ? [...colours, isLimitedAlpha ? limited : full] : colours;
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
    isUpright: true,
  };
}
