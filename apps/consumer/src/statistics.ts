import type { ReceivedRecord } from '@image-stream/codec';
import { counted, describePace } from '@image-stream/program';
import type { Logger, Progress } from '@image-stream/program';
import type { Monitor } from './monitor/monitor.ts';
import type { SavedImage } from './save.ts';

export interface StatisticsOptions {
  /** How many images to take; undefined takes them until the deliveries end. */
  readonly limit: number | undefined;
  /** Whether it takes so long until what is accepted is durable that people want to know of it. */
  readonly hasShards: boolean;
  /** How many records there are to receive, for the progress line; undefined where there is no end. */
  readonly records?: number | undefined;
  /** Whether nothing is in work. */
  readonly isIdle: () => boolean;
  readonly logger: Pick<Logger, 'info'>;
  readonly progress: Pick<Progress, 'start'>;
  readonly monitor: Pick<Monitor, 'received' | 'waiting' | 'saved' | 'deleted'>;
}

/** What has come and what became of it: for the summary, the progress line and the monitor. */
export interface Statistics {
  readonly count: {
    readonly images: number;
    readonly skipped: number;
    readonly tombstones: number;
    readonly payloadBytes: number;
    readonly wireBytes: number;
  };
  /** When the first record came, as of `performance.now()`; undefined before. */
  readonly started: number | undefined;
  /** Tells people how much there was still to come, where that is known. */
  sayWhatIsLeft(): void;
  /** A record came, whatever it holds. */
  came(): void;
  /** A record was of use. */
  received(wireBytes: number): void;
  /** The sink has an image, which becomes durable later, with others. */
  accepted(): void;
  /** An image that was accepted is durable. */
  saved(
    how: SavedImage['how'],
    payloadBytes: number,
    of: { readonly wireBytes: number; readonly timestamp: string },
  ): void;
  /** An image was there before all of it had come. */
  skipped(): void;
  /** A record said that what was sent under its key is deleted. */
  deleted(): void;
}

/** For so long nothing must have come before it is said that nothing comes. */
const idleMs = 5000;

export function createStatistics({
  limit,
  hasShards,
  records,
  isIdle,
  logger,
  progress,
  monitor,
}: StatisticsOptions): Statistics {
  const count = { images: 0, skipped: 0, tombstones: 0, payloadBytes: 0, wireBytes: 0 };
  let started: number | undefined;
  let came = 0;
  let lastCame = performance.now();
  let waiting = 0;
  const [done, total] =
    limit === undefined ? [() => came, records] : [() => count.images + count.skipped, limit];
  progress.start(() => {
    const saved =
      limit === undefined ? counted(count.images, 'image') : `${count.images} of ${counted(limit, 'image')}`;
    const existing = count.skipped > 0 ? `, ${count.skipped} already there` : '';
    const open = hasShards && waiting > 0 ? `, ${waiting} in open shards` : '';
    if (isIdle() && performance.now() - lastCame > idleMs) {
      return `waiting for images${count.images === 0 ? '' : `; saved ${saved} so far`}${open}`;
    }
    const elapsedMs = started === undefined ? 0 : performance.now() - started;
    return `saved ${saved}${existing}${open}, ${describePace(count.images, done(), total, elapsedMs)}`;
  }, logger);

  function received(wireBytes: number): void {
    count.wireBytes += wireBytes;
    monitor.received(wireBytes);
  }

  return {
    count,
    get started() {
      return started;
    },
    came() {
      lastCame = performance.now();
      started ??= lastCame;
      came += 1;
    },
    sayWhatIsLeft() {
      if (total !== undefined && done() < total) {
        const things = limit === undefined ? counted(total, 'record') : counted(total, 'image');
        logger.info(`stopped with ${total - done()} of ${things} left`);
      }
    },
    received,
    accepted() {
      waiting += 1;
      monitor.waiting(waiting);
    },
    saved(how, payloadBytes, { wireBytes, timestamp }) {
      waiting -= 1;
      monitor.waiting(waiting);
      count[how === 'exists' ? 'skipped' : 'images'] += 1;
      count.payloadBytes += payloadBytes;
      if (wireBytes > 0) {
        received(wireBytes);
      }
      monitor.saved(how, payloadBytes, Number(timestamp));
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

/** Bytes of a record's key and value. */
export function wireBytesOf({ key, value }: ReceivedRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0);
}
