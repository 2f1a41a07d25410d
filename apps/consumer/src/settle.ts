import type { ReceivedRecord, RecordPlace } from '@image-stream/codec';
import type { Logger } from '@image-stream/program';
import type { Assembler } from './assemble.ts';
import type { DeadLetters } from './dead-letters.ts';
import { isBadRecord, isFault } from './fault.ts';
import type { Patience } from './fault.ts';
import type { Monitor } from './monitor/monitor.ts';
import type { Delivery } from './receive/delivery.ts';
import type { Upload } from './upload.ts';

/** One record, or all those of an upload: what is saved, put aside and done as one. */
export interface Work {
  readonly first: RecordPlace;
  readonly newest: RecordPlace;
  readonly records: () => AsyncIterable<ReceivedRecord>;
  /** Says that the image is on disk, or that its records are dead letters. */
  readonly done: (isSaved: boolean) => Promise<void>;
}

export interface SettlementOptions {
  /** Where bad records go; undefined stops at the first one. */
  readonly deadLetters: DeadLetters | undefined;
  /** How many bad records before the first good one are too many; undefined takes any number. */
  readonly maxBadRecords: number | undefined;
  readonly patience: Patience;
  /** Whether any image has been saved, or was there. */
  readonly hasGoodRecord: () => boolean;
  /** Ends the deliveries, and with them the run. */
  readonly stop: () => void;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  readonly monitor: Pick<Monitor, 'failed' | 'deadLettered'>;
}

/** What becomes of work that does not succeed: it is waited for, put aside, or ends the run. */
export interface Settlement {
  /** How many pieces of work failed and stay uncommitted, and how many were put aside. */
  readonly count: { readonly failed: number; readonly deadLettered: number };
  /** What `run` gives; undefined where the records were bad and have been put aside, or where it failed. */
  attempt<T>(work: Work, run: () => Promise<T>): Promise<T | undefined>;
  /** Puts bad records aside; any other error fails. */
  reject(work: Work, error: Error): Promise<void>;
  /** Notes an error that nobody foresaw. */
  fail(error: Error): void;
}

export function createSettlement(options: SettlementOptions): Settlement {
  const { deadLetters, maxBadRecords, patience, hasGoodRecord, stop, logger, monitor } = options;
  const count = { failed: 0, deadLettered: 0 };

  async function reject(work: Work, error: Error): Promise<void> {
    if (!isBadRecord(error) || deadLetters === undefined) {
      failAt(work, error);
      return;
    }
    let isNew;
    try {
      isNew = await patience.retry(() => deadLetters.send(work.records(), error));
    } catch (failure) {
      failAt(work, failure as Error);
      return;
    }
    await work.done(false);
    count.deadLettered += 1;
    monitor.deadLettered(error.code);
    const where = isNew ? `it goes ${deadLetters.destination}` : 'its dead letter is there already';
    logger.warn(`record ${shown(work.first)} is bad, ${where}: ${error.message}`);
    if (count.deadLettered === maxBadRecords && !hasGoodRecord()) {
      end(
        `the first ${maxBadRecords === 1 ? 'record is' : `${maxBadRecords} records are all`} bad, so something else must be wrong: is this a topic of images? ` +
          'The reasons are above. --max-bad-records sets this limit',
      );
    }
  }

  function failAt({ first, newest }: Work, error: Error): void {
    if (isFault(error)) {
      end(`record ${shown(first)} is not saved: ${error.message}. It stays uncommitted and comes again`);
      return;
    }
    const { topic, partition, offset } = newest;
    end(
      `record ${shown(first)} cannot be saved: ${isBadRecord(error) ? error.message : error.stack}. ` +
        'It stays uncommitted. Mend the cause and run again; or, to go on without it: ' +
        'kafka-consumer-groups.sh --reset-offsets --execute --bootstrap-server HOST:PORT --group GROUP ' +
        `--topic ${topic}:${partition} --to-offset ${BigInt(offset) + 1n}`,
    );
  }

  function end(reason: string): void {
    count.failed += 1;
    monitor.failed();
    stop();
    logger.error(reason);
  }

  return {
    count,
    async attempt(work, run) {
      try {
        return await patience.retry(run);
      } catch (error) {
        await reject(work, error as Error);
        return undefined;
      }
    },
    reject,
    fail: (error) => end(error.stack ?? error.message),
  };
}

export function workOf({ record, done }: Delivery): Work {
  return {
    first: record,
    newest: record,
    async *records() {
      yield record;
    },
    done: async () => done(),
  };
}

/** @param assembler of which it is */
export function workOfUpload(upload: Upload, assembler: Pick<Assembler, 'settle'>): Work {
  const { first, newest } = upload;
  return {
    first,
    newest,
    records: () => upload.records(),
    async done(isSaved) {
      // First: a chunk that comes in between would wait for nothing.
      assembler.settle(upload, isSaved);
      await upload.done();
    },
  };
}

function shown({ topic, partition, offset }: RecordPlace): string {
  return `${topic}[${partition}]@${offset}`;
}
