import { setTimeout as sleep } from 'node:timers/promises';
import { isProgrammingError } from '@image-stream/kafka-config';
import type { TopicReader, TopicRecord } from '@image-stream/kafka-client';

/** What is told about a topic while it is followed. */
export interface FeedListener {
  /** A record, and whether it came since the start. */
  record(record: TopicRecord, isNews: boolean): Promise<void>;
  /** The topic was deleted and recreated: it begins again. */
  madeAnew(): void;
  /** A partition is read from here on: at first, and after records that were passed over. */
  readsFrom(partition: number, offset: bigint): void;
  /** So many records were not even read. */
  passedOver(records: number): void;
  /** Kafka is asked for more. */
  asks(): void;
  /** Kafka has answered. */
  answered(): void;
  /** Why nothing comes, and is tried again. */
  problem(error: unknown): void;
}

export interface FeedOptions {
  /** Of this feed alone: it waits for new records. */
  readonly reader: Pick<TopicReader, 'id' | 'offsets' | 'fetch'>;
  /** How many records from before the start to begin with. */
  readonly backlog: number;
  readonly listener: FeedListener;
  readonly signal: AbortSignal;
}

/** Farther behind the end, what comes is no news any more. */
const maxBehind = 2000n;

/** How often to compare with the ends, and to look for new partitions. */
const boundsIntervalMs = 2000;
const retryMs = 1000;

/** Not more often does it ask for records, unless they wait: at many a second, a request for each would cost all sides. */
const pollMs = 100;
const fullBytes = 1024 ** 2;

/**
 * Follows a topic until `signal` is aborted: the newest records first, then what comes.
 *
 * @throws a bug; all else is a problem that may go away
 */
export async function follow(options: FeedOptions): Promise<void> {
  const { reader, backlog, listener, signal } = options;
  let positions: Map<number, bigint> | undefined;
  /** Records from before are no news. */
  const starts = new Map<number, bigint>();
  let boundsAt = Number.NEGATIVE_INFINITY;
  let id: string | undefined;

  while (!signal.aborted) {
    try {
      const startedAt = performance.now();
      listener.asks();
      if (startedAt - boundsAt > boundsIntervalMs) {
        positions = await withinReach(positions);
        boundsAt = startedAt;
      }
      const { records, next } = await reader.fetch(positions!);
      listener.answered();
      let bytes = 0;
      for (const record of records) {
        bytes += record.value?.length ?? 0;
        await listener.record(record, BigInt(record.offset) >= starts.get(record.partition)!);
      }
      positions = new Map(next);
      if (bytes < fullBytes) {
        await pause(startedAt + pollMs - performance.now());
      }
    } catch (error) {
      if (isProgrammingError(error)) {
        throw error;
      }
      if (!signal.aborted) {
        listener.problem(error);
        await pause(retryMs);
      }
    }
  }

  async function pause(ms: number): Promise<void> {
    if (ms > 0) {
      await sleep(ms, undefined, { signal }).catch(() => {});
    }
  }

  /** Where to go on: near enough to the ends. */
  async function withinReach(from: ReadonlyMap<number, bigint> | undefined): Promise<Map<number, bigint>> {
    const bounds = await reader.offsets({ withoutLeader: 'leave-out' });
    const perPartition = BigInt(Math.ceil(backlog / Math.max(1, bounds.size)));
    const isAnew = from !== undefined && reader.id() !== id;
    id = reader.id();
    if (isAnew) {
      listener.madeAnew();
    }
    return new Map(
      [...bounds].map(([partition, { low, high }]) => {
        const position = isAnew ? undefined : from?.get(partition);
        if (position === undefined) {
          // A partition that is new by now is all news.
          const start = from === undefined ? later(low, high - perPartition) : low;
          starts.set(partition, from === undefined ? high : low);
          listener.readsFrom(partition, start);
          return [partition, start];
        }
        if (high - position > maxBehind) {
          listener.passedOver(Number(high - perPartition - position));
          listener.readsFrom(partition, high - perPartition);
          return [partition, high - perPartition];
        }
        return [partition, position];
      }),
    );
  }
}

function later(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
