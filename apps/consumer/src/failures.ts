import { CodecError } from '@image-stream/codec';
import type { RecordPlace } from '@image-stream/codec';
import { ImageIoError } from '@image-stream/image-io';
import { oneLine } from '@image-stream/program';
import type { Logger } from '@image-stream/program';
import { classOfSystemError, systemErrorName } from '@image-stream/storage';
import type { ErrorClass, Sink } from '@image-stream/storage';
import { DeadLetterError } from './dead-letters.ts';
import type { BadRecordError, DeadLetters } from './dead-letters.ts';
import type { Work } from './incoming-image.ts';
import type { Monitor } from './monitor/monitor.ts';
import type { Retry } from './retry.ts';

export interface FailuresOptions {
  /** Where bad records go; undefined stops at the first one. */
  readonly deadLetters: DeadLetters | undefined;
  /** How many bad records before the first good one are too many; undefined takes any number. */
  readonly maxBadRecords: number | undefined;
  readonly retry: Retry;
  readonly classify: (error: unknown) => Answer;
  /** Whether any image has been saved, or was there. */
  readonly hasGoodRecord: () => boolean;
  /** Ends the deliveries, and with them the run. */
  readonly stop: () => void;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  readonly monitor: Pick<Monitor, 'failed' | 'deadLettered'>;
}

/** What becomes of work that does not succeed: it is tried again, put aside, or ends the run. */
export interface Failures {
  /** How many pieces of work failed and stay uncommitted, and how many were put aside. */
  readonly count: { readonly failed: number; readonly deadLettered: number };
  /** What ended the run first: the line that was logged, and the error behind it; undefined while nothing has. */
  failure(): Error | undefined;
  /** What `run` gives; undefined where the records were bad and have been put aside, or where it failed. */
  attempt<T>(work: Work, run: () => Promise<T>): Promise<T | undefined>;
  /**
   * Waits until what was accepted is durable. Any error that does not go away fails, since it is about more than one image.
   *
   * @param place of the first record that waits for it
   * @returns whether it is
   */
  settle(place: Pick<Work, 'first' | 'newest'>, durable: () => Promise<void>): Promise<boolean>;
  /** Puts bad records aside; any other error fails. */
  reject(work: Work, error: Error): Promise<void>;
  /** Notes an error that nobody foresaw. */
  fail(error: Error): void;
}

/**
 * What an error asks for: a dead letter for the record, another attempt, or the end, with one line where somebody can do something about
 * it and with the stack where it is a bug. The table is in docs/OPERATIONS.md.
 */
export type Answer = ErrorClass | 'bug';

/** The one place that decides about errors. @param sink knows its own */
export function classifyFor(sink: Pick<Sink, 'classify'>): (error: unknown) => Answer {
  return (error) => {
    if (error instanceof CodecError || error instanceof ImageIoError) {
      return 'record';
    }
    if (error instanceof DeadLetterError) {
      return error.isPermanent ? 'permanent' : 'transient';
    }
    return sink.classify(error) ?? classOfSystemError(error) ?? 'bug';
  };
}

export function createFailures(options: FailuresOptions): Failures {
  const { deadLetters, maxBadRecords, retry, classify, hasGoodRecord, stop, logger, monitor } = options;
  const count = { failed: 0, deadLettered: 0 };
  let ended: Error | undefined;

  async function reject(work: Work, error: Error): Promise<void> {
    if (classify(error) !== 'record' || deadLetters === undefined) {
      failAt(work, error);
      return;
    }
    const bad = badRecordError(error);
    let isNew;
    try {
      isNew = await retry.run(() => deadLetters.send(work.records(), bad));
    } catch (failure) {
      failAt(work, failure as Error);
      return;
    }
    await work.done(false);
    count.deadLettered += 1;
    monitor.deadLettered(bad.code);
    const where = isNew ? `it goes ${deadLetters.destination}` : 'its dead letter is there already';
    logger.warn(`record ${shown(work.first)} is bad, ${where}: ${oneLine(bad.message)}`);
    if (count.deadLettered === maxBadRecords && !hasGoodRecord()) {
      end(
        `the first ${maxBadRecords === 1 ? 'record is' : `${maxBadRecords} records are all`} bad, so something else must be wrong: does this topic hold images? ` +
          'The reasons are above. --max-bad-records sets this limit',
        bad,
      );
    }
  }

  function failAt({ first, newest }: Pick<Work, 'first' | 'newest'>, error: Error): void {
    const answer = classify(error);
    if (answer === 'transient' || answer === 'permanent') {
      const advice = answer === 'permanent' ? 'Fix that and start again. ' : '';
      end(
        `record ${shown(first)} was not saved: ${oneLine(error.message)}. ${advice}It stays uncommitted and will be read again`,
        error,
      );
      return;
    }
    const { topic, partition, offset } = newest;
    end(
      `record ${shown(first)} cannot be saved: ${answer === 'record' ? oneLine(error.message) : error.stack}. ` +
        'It stays uncommitted. Fix the cause and run again; or, to continue without it: ' +
        'kafka-consumer-groups.sh --reset-offsets --execute --bootstrap-server HOST:PORT --group GROUP ' +
        `--topic ${topic}:${partition} --to-offset ${BigInt(offset) + 1n}`,
      error,
    );
  }

  function end(reason: string, cause: Error): void {
    count.failed += 1;
    ended ??= new Error(reason, { cause });
    monitor.failed();
    stop();
    retry.end();
    logger.error(reason);
  }

  return {
    count,
    failure: () => ended,
    async attempt(work, run) {
      try {
        return await retry.run(run);
      } catch (error) {
        await reject(work, error as Error);
        return undefined;
      }
    },
    async settle(place, durable) {
      try {
        await retry.run(durable);
        return true;
      } catch (error) {
        failAt(place, error as Error);
        return false;
      }
    },
    reject,
    fail: (error) => end(error.stack ?? error.message, error),
  };
}

/** An error of the system that a record is to blame for, such as `ENAMETOOLONG`, by its name. */
function badRecordError(error: Error): BadRecordError {
  const code = systemErrorName(error) ?? (error as { code?: string }).code ?? error.name;
  return Object.assign(error, { code });
}

function shown({ topic, partition, offset }: RecordPlace): string {
  return `${topic}[${partition}]@${offset}`;
}
