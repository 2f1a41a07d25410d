import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka, KafkaMessage } from 'kafkajs';
import { KafkaConfigError } from './errors.ts';
import { rootCause } from './translate.ts';

/** A record, and where it is. */
export type TopicRecord = KafkaMessage & { readonly topic: string; readonly partition: number };

/**
 * Reads a topic without a group: nothing is committed, nobody's partitions are shared out again, and nothing is left
 * behind, even where the process is killed.
 *
 * The brokers answer the requests of a reader one after the other, so that one that waits for new records keeps others
 * waiting; use another reader for those.
 */
export interface TopicReader {
  /** By partition, the first offset that it holds, and the one that comes next. */
  offsets(): Promise<ReadonlyMap<number, { readonly low: bigint; readonly high: bigint }>>;
  /**
   * Records from these offsets on, by partition, in one round: those of 4 MiB or the first one where it is larger.
   * Where there are none, it waits for them for a moment. A partition that begins later by now is read from there.
   *
   * @returns the records, and with which offsets to go on
   */
  fetch(from: ReadonlyMap<number, bigint>): Promise<{
    readonly records: readonly TopicRecord[];
    readonly next: ReadonlyMap<number, bigint>;
  }>;
  /** The record at an offset; undefined where there is none. */
  at(partition: number, offset: bigint): Promise<TopicRecord | undefined>;
  /** The records of a partition from an offset up to, but without, another one. */
  range(partition: number, from: bigint, to: bigint): AsyncGenerator<TopicRecord>;
  /** Disconnects. */
  close(): Promise<void>;
}

/** As large as those of a consumer: a fetch is held whole in memory. */
const fetchBytes = 4 * 1024 ** 2;

/** How long a broker waits for a record to come. */
const waitMs = 250;

/** What kafkajs's consumers ask for, unless they are told otherwise. */
const readUncommitted = 0;

const attempts = 6;
const maxPauseMs = 1000;

/** Of the client's own parts, those that its consumers fetch with. */
interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  findTopicPartitionMetadata(topic: string): { readonly partitionId: number }[];
  findLeaderForPartitions(topic: string, partitions: number[]): Record<string, number[]>;
  findBroker(node: { readonly nodeId: string }): Promise<Broker>;
  fetchTopicsOffset(
    topics: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<{ readonly partitions: { readonly partition: number; readonly offset: string }[] }[]>;
}

interface Broker {
  fetch(request: object): Promise<{
    readonly responses: {
      readonly partitions: {
        readonly partition: number;
        readonly messages: (KafkaMessage & { readonly isControlRecord?: boolean })[];
      }[];
    }[];
  }>;
}

/**
 * Connects a reader of a topic.
 *
 * kafkajs itself reads in groups only. What its consumers fetch with is not part of its interface, so this depends on the
 * very version of it that is bundled, as its patch does.
 *
 * @throws KafkaConfigError `REFUSED` where there is no such topic; what kafkajs throws where no broker answers
 */
export async function createTopicReader(kafka: Kafka, topic: string): Promise<TopicReader> {
  const cluster = clusterOf(kafka);
  await cluster.connect();
  try {
    await cluster.addTargetTopic(topic);
  } catch (error) {
    await cluster.disconnect();
    const { type } = rootCause(error) as { type?: string };
    throw type === 'UNKNOWN_TOPIC_OR_PARTITION'
      ? new KafkaConfigError('REFUSED', `there is no topic '${topic}'; name another one with --topic`)
      : error;
  }
  let isClosed = false;

  /** Through changes of leaders and lost connections. */
  async function retried<T>(ask: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await ask();
      } catch (error) {
        if (isClosed || attempt === attempts || (rootCause(error) as Error).name === outOfRange) {
          throw error;
        }
        await sleep(Math.min(maxPauseMs, 100 * 2 ** attempt));
        await cluster.refreshMetadata().catch(() => {});
      }
    }
  }

  async function ends(fromBeginning: boolean): Promise<Map<number, bigint>> {
    const partitions = cluster
      .findTopicPartitionMetadata(topic)
      .map(({ partitionId }) => ({ partition: partitionId }));
    const [answer] = await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning }]);
    return new Map((answer?.partitions ?? []).map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  async function offsets(): ReturnType<TopicReader['offsets']> {
    return retried(async () => {
      await cluster.refreshMetadata();
      const [lows, highs] = [await ends(true), await ends(false)];
      return new Map([...highs].map(([partition, high]) => [partition, { low: lows.get(partition)!, high }]));
    });
  }

  async function fetchOnce(
    from: ReadonlyMap<number, bigint>,
    maxBytes: number,
  ): ReturnType<TopicReader['fetch']> {
    const leaders = Object.entries(cluster.findLeaderForPartitions(topic, [...from.keys()]));
    const answers = await Promise.all(
      leaders.map(async ([nodeId, partitions]) => {
        const broker = await cluster.findBroker({ nodeId });
        const wanted = partitions.map((partition) => ({
          partition,
          fetchOffset: String(from.get(partition)),
          maxBytes,
        }));
        const { responses } = await broker.fetch({
          replicaId: -1,
          isolationLevel: readUncommitted,
          maxWaitTime: waitMs,
          minBytes: 1,
          maxBytes,
          topics: [{ topic, partitions: wanted }],
        });
        return responses.flatMap((response) => response.partitions);
      }),
    );
    const next = new Map(from);
    const records: TopicRecord[] = [];
    for (const { partition, messages } of answers.flat()) {
      const start = from.get(partition)!;
      for (const message of messages) {
        // A compressed batch comes whole, even where it begins earlier.
        if (BigInt(message.offset) >= start && message.isControlRecord !== true) {
          records.push({ topic, partition, ...message });
        }
      }
      const last = messages.at(-1);
      if (last !== undefined) {
        next.set(partition, BigInt(last.offset) >= start ? BigInt(last.offset) + 1n : start + 1n);
      }
    }
    return { records, next };
  }

  /** As far as the partitions still hold it, or do so already. */
  async function withinBounds(from: ReadonlyMap<number, bigint>): Promise<Map<number, bigint>> {
    const bounds = await offsets();
    return new Map(
      [...from].map(([partition, offset]) => {
        const { low, high } = bounds.get(partition) ?? { low: offset, high: offset };
        return [partition, offset < low ? low : offset > high ? high : offset];
      }),
    );
  }

  async function isWithin(partition: number, offset: bigint): Promise<boolean> {
    const bounds = (await offsets()).get(partition);
    return bounds !== undefined && offset >= bounds.low && offset < bounds.high;
  }

  async function fetch(
    from: ReadonlyMap<number, bigint>,
    maxBytes = fetchBytes,
  ): ReturnType<TopicReader['fetch']> {
    try {
      return await retried(() => fetchOnce(from, maxBytes));
    } catch (error) {
      if ((rootCause(error) as Error).name !== outOfRange) {
        throw error;
      }
      return retried(async () => fetchOnce(await withinBounds(from), maxBytes));
    }
  }

  return {
    offsets,
    fetch: (from) => fetch(from),
    async at(partition, offset) {
      if (!(await isWithin(partition, offset))) {
        return undefined;
      }
      // At least one batch comes, however small the limit is.
      const { records } = await fetch(new Map([[partition, offset]]), 1);
      return records.find((record) => record.partition === partition && BigInt(record.offset) === offset);
    },
    async *range(partition, from, to) {
      for (let position = from; position < to;) {
        const { records, next } = await fetch(new Map([[partition, position]]));
        for (const record of records) {
          if (BigInt(record.offset) >= to) {
            return;
          }
          yield record;
        }
        const reached = next.get(partition)!;
        if (reached <= position) {
          // What would be there was compacted away.
          return;
        }
        position = reached;
      }
    },
    async close() {
      isClosed = true;
      await cluster.disconnect();
    },
  };
}

const outOfRange = 'KafkaJSOffsetOutOfRange';

function clusterOf(kafka: Kafka): Cluster {
  const name = 'private:Kafka:createCluster';
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === name)!;
  const create = (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol]!;
  return create({ allowAutoTopicCreation: false, metadataMaxAge: 300_000, isolationLevel: readUncommitted });
}
