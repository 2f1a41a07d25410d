import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import { KafkaConfigError, rootCause } from '@image-stream/kafka-config';
import type { ReadSettings } from '@image-stream/kafka-config';
import type { FetchedRecord } from './record-batch.ts';
import { isRetriable } from './retriable.ts';
import { unlessAborted } from './unless-aborted.ts';
import { assertLed, openTopicClient } from './topic-client.ts';
import type { Bounds, Fetched, TopicState } from './topic-client.ts';

/** A record, and where it is. */
export type TopicRecord = FetchedRecord & {
  readonly topic: string;
  readonly partition: number;
  /** Of the topic as the reader knew it: another one where it was deleted and created anew. Undefined before Kafka 2.8. */
  readonly topicId?: string | undefined;
};

/**
 * Reads a topic without a group: nothing is committed, nobody's partitions are shared out again, and nothing is left
 * behind, even where the process is killed.
 *
 * The brokers answer the requests of a reader one after the other, so that one that waits for new records keeps others
 * waiting; use another reader for those.
 */
export interface TopicReader {
  /** Of the topic as of the last answer: another one where it was deleted and created anew. Undefined before Kafka 2.8. */
  id(): string | undefined;
  /**
   * By partition, the first offset that it holds, and the one after the last record that can be read.
   *
   * @param options.withoutLeader what to do about partitions without a leader, of which nobody knows it: leave them out, or fail
   *     with `LEADER_NOT_AVAILABLE`, which may pass. Default: fail
   */
  offsets(options?: { readonly withoutLeader?: 'fail' | 'leave-out' }): Promise<ReadonlyMap<number, Bounds>>;
  /** By partition, the first offset whose record is as young as `time`; the end where there is none. */
  offsetsAt(time: Date): Promise<ReadonlyMap<number, bigint>>;
  /**
   * Records from these offsets on, by partition, in one round: those of 4 MiB or the first one where it is larger.
   * Where there are none, it waits for them for a moment. A partition that begins later, or ends earlier, by now is read from
   * where it begins.
   *
   * @returns the records, and with which offsets to go on
   */
  fetch(from: ReadonlyMap<number, bigint>): Promise<{
    readonly records: readonly TopicRecord[];
    readonly next: ReadonlyMap<number, bigint>;
  }>;
  /** The record at an offset; undefined where there is none. @throws where the partition has no leader, and gets none for seconds */
  at(partition: number, offset: bigint): Promise<TopicRecord | undefined>;
  /** The records of a partition from an offset up to, but without, another one. @throws as `at` */
  range(partition: number, from: bigint, to: bigint): AsyncGenerator<TopicRecord>;
  /** Disconnects. */
  close(): Promise<void>;
}

/** How long a broker waits for a record to come. */
const waitMs = 250;

const attempts = 6;
const maxPauseMs = 1000;

/**
 * Connects a reader of a topic.
 *
 * @param settings.isolationLevel Default: records of aborted transactions are left out
 * @param settings.signal ends whatever the reader is asked for, with its reason. Default: nothing does
 * @throws KafkaConfigError `REFUSED` where there is no such topic; what kafkajs throws where no broker answers
 */
export async function createTopicReader(
  kafka: Kafka,
  topic: string,
  settings: Pick<ReadSettings, 'isolationLevel'> & { readonly signal?: AbortSignal } = {},
): Promise<TopicReader> {
  const { signal = new AbortController().signal, ...read } = settings;
  signal.throwIfAborted();
  const opening = openTopicClient(kafka, topic, { ...read, maxWaitMs: waitMs });
  const client = await answered(opening).catch((error: unknown) => {
    opening.then((late) => late.close()).catch(() => {});
    throw error;
  });
  let isClosed = false;
  let state: TopicState;
  try {
    state = await answered(client.describe());
  } catch (error) {
    await client.close();
    const { type } = rootCause(error) as { type?: string };
    throw type === 'UNKNOWN_TOPIC_OR_PARTITION'
      ? new KafkaConfigError('REFUSED', `there is no topic '${topic}'; name another one with --topic`)
      : error;
  }

  async function answered<T>(asking: Promise<T>): Promise<T> {
    const answer = await unlessAborted(signal, asking);
    signal.throwIfAborted();
    return answer as T;
  }

  /** Through changes of leaders and lost connections. */
  async function retried<T>(ask: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await answered(ask());
      } catch (error) {
        if (isClosed || signal.aborted || attempt === attempts || !isRetriable(error)) {
          throw error;
        }
        await answered(sleep(Math.min(maxPauseMs, 100 * 2 ** attempt)));
        state = await answered(client.describe().catch(() => state));
      }
    }
  }

  const offsets: TopicReader['offsets'] = async ({ withoutLeader = 'fail' } = {}) =>
    retried(async () => {
      state = await client.describe();
      const partitions = [...state.leaders.keys()];
      const bounds = await client.bounds(partitions);
      if (withoutLeader === 'fail') {
        assertLed(topic, partitions, bounds);
      }
      return bounds;
    });

  /** Undefined where the topic has no such partition. */
  async function boundsOf(partition: number): Promise<Bounds | undefined> {
    return retried(async () => {
      state = await client.describe();
      if (!state.leaders.has(partition)) {
        return undefined;
      }
      const bounds = await client.bounds([partition]);
      assertLed(topic, [partition], bounds);
      return bounds.get(partition);
    });
  }

  async function fetchOnce(from: ReadonlyMap<number, bigint>, maxBytes?: number): Promise<Fetched[]> {
    const nodes = new Map<number, { partition: number; offset: bigint; leaderEpoch: number }[]>();
    for (const [partition, offset] of from) {
      const { node = -1, epoch = -1 } = state.leaders.get(partition) ?? {};
      nodes.set(node, [...(nodes.get(node) ?? []), { partition, offset, leaderEpoch: epoch }]);
    }
    const answers = await Promise.all(
      [...nodes]
        .filter(([node]) => node !== -1)
        .map(([node, positions]) =>
          client.fetch(node, positions, maxBytes === undefined ? {} : { maxBytes }),
        ),
    );
    const fetched = answers.flat();
    const failed = fetched.find(({ error }) => error !== undefined && error.type !== outOfRange);
    if (failed !== undefined) {
      throw failed.error!;
    }
    return fetched;
  }

  async function fetch(
    from: ReadonlyMap<number, bigint>,
    maxBytes?: number,
  ): ReturnType<TopicReader['fetch']> {
    const next = new Map(from);
    const records: TopicRecord[] = [];
    for (const fetched of await retried(() => fetchOnce(from, maxBytes))) {
      const { partition, error } = fetched;
      if (error !== undefined) {
        const bounds = (await retried(() => client.bounds([partition]))).get(partition);
        next.set(partition, bounds?.low ?? fetched.offset);
        continue;
      }
      next.set(partition, fetched.next);
      const { id: topicId } = state;
      records.push(...fetched.records.map((record) => ({ topic, topicId, partition, ...record })));
    }
    return { records, next };
  }

  async function* between(
    partition: number,
    from: bigint,
    to: bigint,
    maxBytes?: number,
  ): AsyncGenerator<TopicRecord> {
    for (let position = from; position < to;) {
      const { records, next } = await fetch(new Map([[partition, position]]), maxBytes);
      for (const record of records) {
        signal.throwIfAborted();
        if (BigInt(record.offset) >= to) {
          return;
        }
        yield record;
      }
      const reached = next.get(partition)!;
      if (reached <= position && ((await boundsOf(partition))?.high ?? position) <= position) {
        // It ends earlier by now.
        return;
      }
      position = reached;
    }
  }

  return {
    id: () => state.id,
    offsets,
    offsetsAt: (time) => retried(() => client.offsetsAt(time, [...state.leaders.keys()])),
    fetch: (from) => fetch(from),
    async at(partition, offset) {
      const bounds = await boundsOf(partition);
      if (bounds === undefined || offset < bounds.low || offset >= bounds.high) {
        return undefined;
      }
      // At least one batch comes, however small the limit is.
      for await (const record of between(partition, offset, offset + 1n, 1)) {
        if (BigInt(record.offset) === offset) {
          return record;
        }
      }
      return undefined;
    },
    range: (partition, from, to) => between(partition, from, to),
    async close() {
      isClosed = true;
      await client.close();
    },
  };
}

const outOfRange = 'OFFSET_OUT_OF_RANGE';
