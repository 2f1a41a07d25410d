import {
  CodecError,
  disguiseOf,
  notAnImage,
  npyHeadBytes,
  npyMediaType,
  readNpyHeader,
  resolveLimits,
  sniffMediaType,
  tooManyPixels,
} from '@image-stream/codec';
import type { ByteSource, Limits } from '@image-stream/codec';
import { ImageIoError } from './errors.ts';
import { inspectAvif } from './inspect/avif.ts';
import { inspectGif } from './inspect/gif.ts';
import { inspectJpeg } from './inspect/jpeg.ts';
import { inspectPng } from './inspect/png.ts';
import { createReader, Truncated } from './inspect/reader.ts';
import type { Reader, Structure } from './inspect/reader.ts';
import { inspectTiff } from './inspect/tiff.ts';
import { inspectWebp } from './inspect/webp.ts';
import { decoded, inputOf, loadSharp } from './libvips.ts';

/** What an image file says about itself. */
export interface ImageInfo {
  /** As in a `content-type` header, by its first bytes. */
  readonly mediaType: string;
  /** Columns in pixels, before any orientation is applied; of an animation, its canvas. */
  readonly width: number;
  /** Rows; the same. */
  readonly height: number;
  /** Images of an animation, pages of a document; 1 for a single image. */
  readonly frames: number;
}

/** 16383 squared, sharp's own limit. */
export const defaultMaxPixels = 16_383 ** 2;

const inspectors: Record<string, (reader: Reader) => Promise<Structure>> = {
  'image/png': inspectPng,
  'image/jpeg': inspectJpeg,
  'image/webp': inspectWebp,
  'image/avif': inspectAvif,
  'image/tiff': inspectTiff,
  'image/gif': inspectGif,
};

/** What an image may be like. */
export interface InspectOptions {
  /** Width times height. */
  readonly maxImagePixels?: number | undefined;
  /** As of the codec's `Limits`. */
  readonly raisedBy?: Limits['raisedBy'] | undefined;
}

/**
 * Checks an image file, without decoding it where its structure tells enough: its type by its first bytes, its dimensions, and its structure to the
 * end, so that a truncated file is found. Only small parts of it are in memory at a time. Bytes after the end of
 * the image are tolerated, since cameras append them.
 *
 * `maxImagePixels` bounds width times height. Default: 268402689, or as many as the file has bytes where that is more:
 * such an image cannot inflate. Pixels in an NPY file have the first of these only, as for `decodeRecord`.
 *
 * @throws ImageIoError `INVALID_IMAGE` with the reason, `LIMIT_EXCEEDED` for too many pixels
 */
export async function inspectImage(source: ByteSource, options: InspectOptions = {}): Promise<ImageInfo> {
  const { mediaType, width, height, frames } = await inspectStructure(source, options);
  return { mediaType, width, height, frames };
}

/** As `inspectImage`, with what decoding it needs to know. */
export async function inspectStructure(
  source: ByteSource,
  options: InspectOptions = {},
): Promise<Structure & Pick<ImageInfo, 'mediaType'>> {
  const { maxImagePixels = Math.max(defaultMaxPixels, source.size) } = options;
  if (source.size === 0) {
    throw new ImageIoError('INVALID_IMAGE', 'file is empty');
  }
  const reader = createReader(source);
  const mediaType = sniffMediaType(await reader.from(0));
  if (mediaType === undefined) {
    throw new ImageIoError('INVALID_IMAGE', notAnImage(await reader.from(0), source.size));
  }
  const structure = await structureOf(mediaType, reader, options);
  const { width, height, undecided = [] } = structure;
  if (width === 0 || height === 0) {
    throw new ImageIoError('INVALID_IMAGE', `image of ${width} x ${height} pixels`);
  }
  if (width * height > maxImagePixels) {
    throw new ImageIoError('LIMIT_EXCEEDED', tooManyPixels(width, height, maxImagePixels, options));
  }
  await assertDecodable(source, undecided, maxImagePixels);
  return { ...structure, mediaType };
}

/** Decodes pages off the main thread, and keeps nothing of them. */
async function assertDecodable(
  source: ByteSource,
  pages: readonly number[],
  limitInputPixels: number,
): Promise<void> {
  if (pages.length > 0) {
    const sharp = await loadSharp();
    const input = await inputOf(source);
    for (const page of pages) {
      await decoded(() => sharp(input, { page, failOn: 'error', limitInputPixels }).stats());
    }
  }
}

async function structureOf(mediaType: string, reader: Reader, options: InspectOptions): Promise<Structure> {
  try {
    return await (mediaType === npyMediaType ? inspectNpy(reader, options) : inspectors[mediaType]!(reader));
  } catch (error) {
    const name = mediaType.replace(/^.*[/-]/, '').toUpperCase();
    const disguise = isOfFile(error) ? disguiseOf(await reader.from(0)) : undefined;
    if (disguise !== undefined) {
      throw new ImageIoError(
        'INVALID_IMAGE',
        `not a ${name} file, although it begins as one; it looks like ${disguise}`,
        {
          cause: error,
        },
      );
    }
    if (error instanceof Truncated) {
      throw new ImageIoError('INVALID_IMAGE', `${name} file is cut off: it ends at byte ${reader.size}`, {
        cause: error,
      });
    }
    if (error instanceof RangeError || error instanceof TypeError) {
      // Of what a file says, no inspector expects everything. Faults of the disk are none of these.
      throw new ImageIoError('INVALID_IMAGE', `${name} file is damaged: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** Errors about what is in a file; those of the disk are not. */
function isOfFile(error: unknown): boolean {
  const isInvalid = error instanceof ImageIoError && error.code === 'INVALID_IMAGE';
  return isInvalid || error instanceof Truncated || error instanceof RangeError || error instanceof TypeError;
}

async function inspectNpy(reader: Reader, { maxImagePixels, raisedBy }: InspectOptions): Promise<Structure> {
  try {
    const head = await reader.at(0, Math.min(npyHeadBytes, reader.size));
    const limits = resolveLimits({
      ...(maxImagePixels !== undefined && { maxImagePixels }),
      ...(raisedBy !== undefined && { raisedBy }),
    });
    const { shape, totalBytes } = readNpyHeader(head, limits);
    if (reader.size < totalBytes) {
      throw new Truncated();
    }
    if (reader.size > totalBytes) {
      throw new ImageIoError(
        'INVALID_IMAGE',
        `NPY file has ${reader.size} bytes where its header announces ${totalBytes}`,
      );
    }
    return { width: shape[1], height: shape[0], frames: 1 };
  } catch (error) {
    if (error instanceof CodecError) {
      const code = error.code === 'LIMIT_EXCEEDED' ? 'LIMIT_EXCEEDED' : 'INVALID_IMAGE';
      throw new ImageIoError(code, error.message, { cause: error });
    }
    throw error;
  }
}
