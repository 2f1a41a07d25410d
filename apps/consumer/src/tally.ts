import type { ReceivedRecord } from '@image-stream/codec';
import type { Saved } from '@image-stream/image-io';
import { counted, describePace } from '@image-stream/program';
import type { Logger, Progress } from '@image-stream/program';
import type { Monitor } from './monitor/monitor.ts';

export interface TallyOptions {
  /** How many images to take; undefined takes them until the deliveries end. */
  readonly limit: number | undefined;
  /** How many records there are to receive, for the progress line; undefined where there is no end. */
  readonly records?: number | undefined;
  readonly logger: Pick<Logger, 'info'>;
  readonly progress: Pick<Progress, 'start'>;
  readonly monitor: Pick<Monitor, 'received' | 'saved' | 'deleted'>;
}

/** What has come and what became of it: for the summary, the progress line and the monitor. */
export interface Tally {
  readonly count: {
    readonly images: number;
    readonly skipped: number;
    readonly tombstones: number;
    readonly payloadBytes: number;
    readonly wireBytes: number;
  };
  /** When the first record came, as of `performance.now()`; undefined before. */
  readonly started: number | undefined;
  /** A record came, whatever it holds. */
  came(): void;
  /** A record was of use. */
  received(record: ReceivedRecord): void;
  /** @param timestamp of the record, or of the last chunk */
  saved(saved: Saved, payloadBytes: number, timestamp: string): void;
  /** An image was there before all of it had come. */
  skipped(): void;
  /** A record said that what was sent under its key is deleted. */
  deleted(): void;
}

export function createTally({ limit, records, logger, progress, monitor }: TallyOptions): Tally {
  const count = { images: 0, skipped: 0, tombstones: 0, payloadBytes: 0, wireBytes: 0 };
  let started: number | undefined;
  let came = 0;
  const [done, total] =
    limit === undefined ? [() => came, records] : [() => count.images + count.skipped, limit];
  progress.start(() => {
    const saved =
      limit === undefined ? counted(count.images, 'image') : `${count.images} of ${counted(limit, 'image')}`;
    const existing = count.skipped > 0 ? `, ${count.skipped} already there` : '';
    const elapsedMs = started === undefined ? 0 : performance.now() - started;
    return `saved ${saved}${existing}, ${describePace(count.images, done(), total, elapsedMs)}`;
  }, logger);

  return {
    count,
    get started() {
      return started;
    },
    came() {
      started ??= performance.now();
      came += 1;
    },
    received({ key, value }) {
      const bytes = (key?.length ?? 0) + (value?.length ?? 0);
      count.wireBytes += bytes;
      monitor.received(bytes);
    },
    saved(saved, payloadBytes, timestamp) {
      count[saved === 'exists' ? 'skipped' : 'images'] += 1;
      count.payloadBytes += payloadBytes;
      monitor.saved(saved, payloadBytes, Number(timestamp));
    },
    skipped() {
      count.skipped += 1;
    },
    deleted() {
      count.tombstones += 1;
      monitor.deleted();
    },
  };
}
