import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonLines } from '../json-lines.ts';
import { VerifyError } from './verify-error.ts';

/** Rows on disk, divided so that rows of equal keys are in the same bucket. */
export interface Buckets<T> {
  add(key: string, row: T): void;
  /**
   * One bucket after the other, each once; a bucket is removed when the next one is asked for.
   *
   * @throws the reason of `signal`, after which nothing is written any more: the folder may be removed
   */
  read(signal: AbortSignal): AsyncGenerator<AsyncIterable<T>>;
}

/** Of each of the 256 buckets, how many characters of rows wait in memory to be written together. */
const waitingLength = 65_536;

/**
 * Buckets in a folder that exists, for rows that are too many for memory, in JSON.
 *
 * In memory are the rows that wait to be written, 16 MiB at most, and what the reader keeps of one bucket: a 256th
 * of all rows. Ten million images and as many files make 80,000 rows a bucket, or some 40 MB.
 */
export function createBuckets<T>(folder: string): Buckets<T> {
  const waiting = new Map<number, string>();
  const fileOf = (bucket: number): string => join(folder, String(bucket));

  return {
    add(key, row) {
      const bucket = createHash('sha256').update(key).digest()[0]!;
      const rows = `${waiting.get(bucket) ?? ''}${JSON.stringify(row)}\n`;
      waiting.set(bucket, rows.length < waitingLength ? rows : write(bucket, rows));
    },
    async *read(signal) {
      for (const [bucket, rows] of waiting) {
        signal.throwIfAborted();
        waiting.set(bucket, write(bucket, rows));
        yield jsonLines<T>(fileOf(bucket));
        await rm(fileOf(bucket));
      }
    },
  };

  /** Not asynchronous: two writes to one file at once could mix their rows. */
  function write(bucket: number, rows: string): '' {
    try {
      appendFileSync(fileOf(bucket), rows);
      return '';
    } catch (error) {
      const reason = (error as Error).message;
      throw new VerifyError(`cannot keep notes in ${folder}: ${reason}; TMPDIR can name another place`, {
        cause: error,
      });
    }
  }
}
