import { join } from 'node:path';
import { CodecError } from '@image-stream/codec';
import type { Limits } from '@image-stream/codec';
import { decodePixels, ImageIoError, inspectImage, plainFile, sha256Of } from '@image-stream/image-io';
import { digestOfPixels } from './expect.ts';
import type { ExpectedFile } from './rows.ts';

/** What is on disk where an image belongs: that image, something else, or nothing. */
export type Found = 'same' | 'other' | 'nothing';

/**
 * Looks at the file of an image.
 *
 * @param onProblem told why a file cannot be read
 */
export async function checkFile(
  directory: string,
  path: string,
  expected: Pick<ExpectedFile, 'check' | 'digest' | 'size'>,
  limits: Limits,
  onProblem: (reason: string) => void,
): Promise<Found> {
  const { check, digest, size } = expected;
  try {
    const source = await plainFile(join(directory, path));
    if (source === undefined) {
      return 'nothing';
    }
    if (check === 'bytes') {
      return source.size === size && (await sha256Of(source)) === digest ? 'same' : 'other';
    }
    const { mediaType } = await inspectImage(source, limits);
    if (check === 'existence') {
      return 'same';
    }
    return digestOfPixels(await decodePixels({ mediaType, source }, limits)) === digest ? 'same' : 'other';
  } catch (error) {
    const isOfFile =
      error instanceof ImageIoError || error instanceof CodecError || 'syscall' in (error as object);
    if (!isOfFile) {
      throw error;
    }
    onProblem(`${path}: ${(error as Error).message}`);
    return 'other';
  }
}
