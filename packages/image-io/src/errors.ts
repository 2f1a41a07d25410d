import { shortened } from '@image-stream/codec';

/**
 * What went wrong with an image.
 *
 * - `INVALID_IMAGE`: the bytes cannot be decoded as an image.
 * - `UNSUPPORTED`: the image cannot be expressed in the format that was asked for.
 * - `LIMIT_EXCEEDED`: larger than a limit allows.
 */
export type ImageIoErrorCode = 'INVALID_IMAGE' | 'UNSUPPORTED' | 'LIMIT_EXCEEDED';

/** What this package throws when an image is at fault; errors of the file system pass through. */
export class ImageIoError extends Error {
  override readonly name = 'ImageIoError';
  /** Stable, for programs; the message is for people. */
  readonly code: ImageIoErrorCode;

  /** @param message shortened where it is longer than 1000 characters */
  constructor(code: ImageIoErrorCode, message: string, options?: ErrorOptions) {
    super(shortened(message), options);
    this.code = code;
  }
}
