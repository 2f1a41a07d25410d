import type { ErrorClass } from './system-errors.ts';

/**
 * What went wrong where images are kept.
 *
 * - `NOT_WRITABLE`: the directory cannot be made or written.
 * - `NO_HARD_LINKS`: the file system has none, so a file could not appear whole and never replace another.
 * - `UNSAFE_PATH`: something other than a folder stands where a folder of the output belongs.
 * - `GONE`: the directory, or what was unfinished in it, was removed while it was in use.
 * - `CONFLICT`: another image already has the key.
 * - `NOT_A_SHARD`: a file has the name of a shard, and is none.
 *
 * Of object stores:
 *
 * - `UNAVAILABLE`: the store does not answer, or answers that it cannot now.
 * - `NO_BUCKET`: there is no such bucket.
 * - `BAD_CREDENTIALS`: there are none, or the store refuses them.
 * - `ACCESS_DENIED`: the store knows this user, who may not do that.
 * - `WRONG_REGION`: the bucket is in another region.
 * - `NO_CONDITIONAL_WRITES`: the store ignores or refuses `If-None-Match`, without which an image could replace another.
 * - `TOO_LARGE`: the store takes no object of that size or name.
 * - `REFUSED`: the store answers with another error.
 */
export type StorageErrorCode =
  | 'NOT_WRITABLE'
  | 'NO_HARD_LINKS'
  | 'UNSAFE_PATH'
  | 'GONE'
  | 'CONFLICT'
  | 'NOT_A_SHARD'
  | 'UNAVAILABLE'
  | 'NO_BUCKET'
  | 'BAD_CREDENTIALS'
  | 'ACCESS_DENIED'
  | 'WRONG_REGION'
  | 'NO_CONDITIONAL_WRITES'
  | 'TOO_LARGE'
  | 'REFUSED';

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

/** The class of an error of ours; undefined for any other. */
export function classOfStorageError(error: unknown): ErrorClass | undefined {
  if (!(error instanceof StorageError)) {
    return undefined;
  }
  if (['CONFLICT', 'UNSAFE_PATH', 'TOO_LARGE'].includes(error.code)) {
    return 'record';
  }
  return error.code === 'UNAVAILABLE' ? 'transient' : 'permanent';
}
