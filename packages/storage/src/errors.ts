/**
 * What went wrong where images are kept.
 *
 * - `NOT_WRITABLE`: the directory cannot be made or written.
 * - `NO_HARD_LINKS`: the file system has none, so a file could not appear whole and never replace another.
 * - `UNSAFE_PATH`: something other than a folder stands where a folder of the output belongs.
 * - `GONE`: the directory, or what was unfinished in it, was removed while it was in use.
 * - `CONFLICT`: another image already has the key.
 */
export type StorageErrorCode = 'NOT_WRITABLE' | 'NO_HARD_LINKS' | 'UNSAFE_PATH' | 'GONE' | 'CONFLICT';

/** What this package throws; other errors of the file system pass through. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  /** Stable, for programs; the message is for people. */
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
