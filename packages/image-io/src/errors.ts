/**
 * What went wrong with an image or its file.
 *
 * - `INVALID_IMAGE`: the bytes cannot be decoded as an image.
 * - `UNSUPPORTED`: the image cannot be expressed in the format that was asked for.
 * - `NOT_WRITABLE`: the directory cannot be made or written.
 * - `NO_HARD_LINKS`: the file system has none, so a file could not appear whole and never replace another.
 * - `UNSAFE_PATH`: something other than a folder stands where a folder of the output belongs.
 * - `LIMIT_EXCEEDED`: larger than a limit allows.
 * - `CONFLICT`: another image already has the name.
 */
export type ImageIoErrorCode =
  | 'INVALID_IMAGE'
  | 'UNSUPPORTED'
  | 'NOT_WRITABLE'
  | 'NO_HARD_LINKS'
  | 'UNSAFE_PATH'
  | 'LIMIT_EXCEEDED'
  | 'CONFLICT';

/** What this package throws when an image or a directory is at fault; other file system errors pass through. */
export class ImageIoError extends Error {
  override readonly name = 'ImageIoError';
  /** Stable, for programs; the message is for people. */
  readonly code: ImageIoErrorCode;

  constructor(code: ImageIoErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
