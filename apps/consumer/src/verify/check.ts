import { CodecError, decodeNpy, npyMediaType, resolveLimits } from '@image-stream/codec';
import type { Limits } from '@image-stream/codec';
import {
  decodePixels,
  ImageIoError,
  inspectImage,
  readMadeFrom,
  sha256Of,
  sha256OfPixels,
} from '@image-stream/image-io';
import { StorageError, systemErrorName } from '@image-stream/storage';
import type { SinkReader } from '@image-stream/storage';
import type { ExpectedFile } from './rows.ts';

/** What is on disk where an image belongs: that image, something else, or nothing. */
export type Found = 'same' | 'other' | 'nothing';

/**
 * Looks at the file of an image.
 *
 * @param onProblem told why a file cannot be read
 */
export async function checkFile(
  images: Pick<SinkReader, 'find'>,
  path: string,
  expected: Pick<ExpectedFile, 'check' | 'digest' | 'size'>,
  limits: Limits,
  onProblem: (reason: string) => void,
): Promise<Found> {
  const { check, digest, size } = expected;
  try {
    const found = await images.find(path);
    if (found === undefined) {
      return 'nothing';
    }
    const source = found.content;
    if (check === 'bytes') {
      return source.size === size && (await sha256Of(source)) === digest ? 'same' : 'other';
    }
    const { mediaType } = await inspectImage(source, limits);
    if (check === 'existence') {
      return 'same';
    }
    if (check === 'source') {
      const made = await readMadeFrom(source);
      return made?.sha256 === digest && made.isIntact ? 'same' : 'other';
    }
    // Of arrays, more can be kept than an image file holds.
    const pixels =
      mediaType === npyMediaType
        ? decodeNpy(await source.read(0, source.size), resolveLimits(limits))
        : await decodePixels({ mediaType, source }, limits);
    return (await sha256OfPixels(pixels)) === digest ? 'same' : 'other';
  } catch (error) {
    const isOfFile =
      error instanceof ImageIoError ||
      error instanceof CodecError ||
      // Any other one is about the store, and says nothing of its images.
      (error instanceof StorageError && error.code === 'UNSAFE_PATH') ||
      systemErrorName(error) !== undefined;
    if (!isOfFile) {
      throw error;
    }
    onProblem(`${path}: ${(error as Error).message}`);
    return 'other';
  }
}
