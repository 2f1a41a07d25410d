import { setTimeout as sleep } from 'node:timers/promises';
import type { DecodedImage } from '@image-stream/codec';
import type { RecordDescription } from '@image-stream/image-io';
import { isProgrammingError } from '@image-stream/kafka-config';
import type { TopicReader, TopicRecord } from '@image-stream/kafka-config';
import { itemOf } from './items.ts';
import type { Item, TopicName } from './messages.ts';

/** What is told about a topic while it is followed. */
export interface FeedListener {
  /** An item is new, or more is known of it. */
  item(item: Item, content: DecodedImage['content'] | undefined): void;
  /** A record came since the start; `isImage` where it completes one. */
  traffic(bytes: number, isImage: boolean): void;
  /** So many records were passed over. */
  passedOver(records: number): void;
  /** Why nothing comes, and is tried again; undefined where all is well. */
  problem(error: unknown): void;
}

export interface FeedOptions {
  readonly topic: TopicName;
  /** Of this feed alone: it waits for new records. */
  readonly reader: Pick<TopicReader, 'offsets' | 'fetch'>;
  readonly describe: (record: TopicRecord) => Promise<{
    readonly description: RecordDescription;
    readonly content?: DecodedImage['content'];
  }>;
  /** How many records from before the start to begin with. */
  readonly backlog: number;
  readonly listener: FeedListener;
  readonly signal: AbortSignal;
}

/** Farther behind the end, a person could not follow anyway. */
const maxBehind = 400n;

/** How often to compare with the ends, and to look for new partitions. */
const boundsIntervalMs = 2000;
const retryMs = 1000;

/** Images in chunks of which the number of chunks is counted. */
const maxUploads = 1000;

/**
 * Follows a topic until `signal` is aborted: the newest records first, then what comes.
 *
 * @throws a bug; all else is a problem that may go away
 */
export async function follow(options: FeedOptions): Promise<void> {
  const { reader, backlog, listener, signal } = options;
  const take = createTaker(options);
  let positions: Map<number, bigint> | undefined;
  /** Records from before are no traffic. */
  const starts = new Map<number, bigint>();
  let boundsAt = Number.NEGATIVE_INFINITY;

  while (!signal.aborted) {
    try {
      if (performance.now() - boundsAt > boundsIntervalMs) {
        positions = await withinReach(positions);
        boundsAt = performance.now();
      }
      const { records, next } = await reader.fetch(positions!);
      for (const record of records) {
        await take(record, BigInt(record.offset) >= starts.get(record.partition)!);
      }
      positions = new Map(next);
      listener.problem(undefined);
    } catch (error) {
      if (isProgrammingError(error)) {
        throw error;
      }
      if (!signal.aborted) {
        listener.problem(error);
        await sleep(retryMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** Where to go on: near enough to the ends. */
  async function withinReach(from: ReadonlyMap<number, bigint> | undefined): Promise<Map<number, bigint>> {
    const bounds = await reader.offsets();
    const perPartition = BigInt(Math.ceil(backlog / Math.max(1, bounds.size)));
    return new Map(
      [...bounds].map(([partition, { low, high }]) => {
        const position = from?.get(partition);
        if (position === undefined) {
          // A partition that is new by now is all news.
          const start = from === undefined ? later(low, high - perPartition) : low;
          starts.set(partition, from === undefined ? high : low);
          return [partition, start];
        }
        if (high - position > maxBehind) {
          listener.passedOver(Number(high - perPartition - position));
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

/** Makes items of records: one of each image, even where it comes in chunks. */
function createTaker({ topic, describe, listener }: FeedOptions) {
  const uploads = new Map<string, { item: Item; readonly have: Set<number> }>();

  return async (record: TopicRecord, isNews: boolean): Promise<void> => {
    const { description, content } = await describe(record);
    const { chunk } = description;
    if (description.tombstone === true) {
      return;
    }
    if (chunk === undefined) {
      listener.item(itemOf(topic, description), content);
    } else {
      const upload = uploads.get(chunk.key) ?? { item: itemOf(topic, description), have: new Set() };
      upload.have.add(chunk.index);
      upload.item = { ...upload.item, chunks: { have: upload.have.size, count: chunk.count } };
      uploads.set(chunk.key, upload);
      if (uploads.size > maxUploads) {
        uploads.delete(uploads.keys().next().value!);
      }
      listener.item(upload.item, undefined);
    }
    if (isNews) {
      const isLast = chunk === undefined || uploads.get(chunk.key)?.have.size === chunk.count;
      listener.traffic(description.recordBytes, isLast);
    }
  };
}
