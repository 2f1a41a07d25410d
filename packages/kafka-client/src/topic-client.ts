import type { Kafka } from 'kafkajs';
import { compressionCodecs } from '@image-stream/kafka-config';
import type { ReadSettings } from '@image-stream/kafka-config';
import { readFetchResponse, recordsOf } from './fetch-response.ts';
import type { PartitionData } from './fetch-response.ts';
import { createCluster } from './kafkajs-parts.ts';
import type { Broker, Cluster } from './kafkajs-parts.ts';
import { askEpochEnd } from './leader-epoch.ts';
import { askMetadata, sendInstead } from './metadata.ts';
import { BrokerError, brokerError } from './broker-error.ts';
import type { FetchedRecord } from './record-batch.ts';

/** Who leads a partition. */
export interface Leader {
  /** -1 where nobody does. */
  readonly node: number;
  /** -1 where it is not known, as before Kafka 2.8. */
  readonly epoch: number;
}

/** A topic as the cluster has it at one moment. */
export interface TopicState {
  /** Another one than before: the topic was deleted and created anew. Undefined before Kafka 2.8. */
  readonly id: string | undefined;
  readonly leaders: ReadonlyMap<number, Leader>;
}

/** The offsets of a partition. */
export interface Bounds {
  /** Of the first record that it still holds. */
  readonly low: bigint;
  /** After the last record that can be read: in `read_committed`, before a transaction that is open. */
  readonly high: bigint;
  /** After the last record, whether it can be read or not. */
  readonly highWatermark: bigint;
}

/** Where to read a partition. */
export interface FetchPosition {
  readonly partition: number;
  readonly offset: bigint;
  /** Of the leader that is known; -1 for none. A broker that knows of a newer one refuses. */
  readonly leaderEpoch: number;
}

/** What a fetch brought of one partition, or what is wrong with it. */
export interface Fetched {
  readonly partition: number;
  /** Where it was asked for. */
  readonly offset: bigint;
  readonly error: BrokerError | undefined;
  readonly records: readonly FetchedRecord[];
  /** Where to go on. */
  readonly next: bigint;
  /** Of the last record; -1 where there is none. */
  readonly leaderEpoch: number;
  /** The offset after the last record that can be read. */
  readonly high: bigint;
  /** Which broker to ask instead; undefined for none. */
  readonly preferredReplica: number | undefined;
}

/** The requests that it takes to read a topic: each is made once, and answered or failed by itself. */
export interface TopicClient {
  readonly topic: string;
  /** Asks the cluster for the topic, and for its brokers. @throws BrokerError `UNKNOWN_TOPIC_OR_PARTITION` */
  describe(): Promise<TopicState>;
  /** Partitions without a leader are left out. */
  bounds(partitions: readonly number[]): Promise<ReadonlyMap<number, Bounds>>;
  /** By partition, the first offset whose record is as young as `time`; `high` where there is none. */
  offsetsAt(time: Date, partitions: readonly number[]): Promise<ReadonlyMap<number, bigint>>;
  /**
   * Asks one broker for records, and waits for them for `maxWaitMs`.
   *
   * @param options.useRack false where the answer must not send it to a follower. Default: true
   * @param options.maxBytes Default: that of the settings
   */
  fetch(
    node: number,
    positions: readonly FetchPosition[],
    options?: { readonly useRack?: boolean; readonly maxBytes?: number },
  ): Promise<Fetched[]>;
  /**
   * Where the records end that were written under a leader's epoch; undefined where the brokers do not tell.
   *
   * @returns an offset below one that was read in that epoch where records were lost
   */
  endOfEpoch(partition: number, epoch: number): Promise<bigint | undefined>;
  /** The partitions of any topic; none where it does not exist. */
  partitionsOf(topic: string): Promise<number[]>;
  /** `host:port` of a broker. */
  addressOf(node: number): string;
  /** Disconnects. */
  close(): Promise<void>;
}

const defaultBytes = 4 * 1024 ** 2;
const levels = { read_uncommitted: 0, read_committed: 1 } as const;
const [earliest, latest] = [-2, -1];

/** A client with connections of its own, so that a fetch that waits keeps nobody else waiting. */
export interface ConnectedTopicClient extends TopicClient {
  /** @hidden */
  readonly cluster: Cluster;
}

/**
 * Connects to the brokers of a topic.
 *
 * @throws BrokerError `UNKNOWN_TOPIC_OR_PARTITION`; what kafkajs throws where no broker answers
 */
export async function openTopicClient(
  kafka: Kafka,
  topic: string,
  settings: ReadSettings = {},
): Promise<ConnectedTopicClient> {
  const { isolationLevel = 'read_committed', maxBytes = defaultBytes, rack = '' } = settings;
  const { maxBytesPerPartition = defaultBytes, minBytes = 1, maxWaitMs = 500 } = settings;
  const { crc32c } = await import('@node-rs/crc32');
  const codecs = compressionCodecs();
  const isolation = levels[isolationLevel];
  const cluster = createCluster(kafka);
  let leaders: ReadonlyMap<number, Leader> = new Map();

  const findConnectedBroker = cluster.brokerPool.findConnectedBroker.bind(cluster.brokerPool);
  cluster.brokerPool.findConnectedBroker = async () => {
    const broker = await findConnectedBroker();
    const metadata = (): Promise<unknown> => askMetadata(broker, topic);
    return Object.create(broker, { metadata: { value: metadata } }) as Broker;
  };

  async function describe(): Promise<TopicState> {
    await cluster.refreshMetadata();
    const found = cluster.brokerPool.metadata!.topicMetadata.find((one) => one.topic === topic);
    if (found === undefined || found.topicErrorCode !== 0) {
      throw brokerError(found?.topicErrorCode ?? unknownTopic, `topic ${topic}`);
    }
    leaders = new Map(
      found.partitionMetadata.map(({ partitionId, leader, leaderEpoch = -1 }) => [
        partitionId,
        { node: leader, epoch: leaderEpoch },
      ]),
    );
    return { id: found.topicId, leaders };
  }

  async function listOffsets(
    timestamp: number,
    partitions: readonly number[],
    isolationLevelId: number,
  ): Promise<Map<number, bigint>> {
    const nodes = grouped(partitions);
    const answers = await Promise.all(
      [...nodes].map(async ([nodeId, own]) => {
        const broker = await cluster.findBroker({ nodeId });
        const asked = own.map((partition) => ({ partition, timestamp }));
        const { responses } = await broker.listOffsets({
          replicaId: -1,
          isolationLevel: isolationLevelId,
          topics: [{ topic, partitions: asked }],
        });
        return responses.flatMap((response) => response.partitions);
      }),
    );
    return new Map(answers.flat().map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  /** Partitions by the nodes that lead them. */
  function grouped(partitions: readonly number[]): Map<number, number[]> {
    const nodes = new Map<number, number[]>();
    for (const partition of partitions) {
      const node = leaders.get(partition)?.node ?? -1;
      if (node !== -1) {
        nodes.set(node, [...(nodes.get(node) ?? []), partition]);
      }
    }
    return nodes;
  }

  async function fetched(data: PartitionData, offset: bigint): Promise<Fetched> {
    const { partition, errorCode, highWatermark, lastStableOffset, preferredReadReplica } = data;
    const { records, next, leaderEpoch } =
      errorCode === 0
        ? await recordsOf(data, offset, codecs, crc32c)
        : { records: [], next: offset, leaderEpoch: -1 };
    return {
      partition,
      offset,
      error: errorCode === 0 ? undefined : brokerError(errorCode, `${topic}[${partition}]`),
      records,
      next,
      leaderEpoch,
      high: isolation === levels.read_committed ? lastStableOffset : highWatermark,
      preferredReplica: preferredReadReplica === -1 ? undefined : preferredReadReplica,
    };
  }

  const client: ConnectedTopicClient = {
    topic,
    cluster,
    describe,
    async bounds(partitions) {
      const lows = await listOffsets(earliest, partitions, isolation);
      const highs = await listOffsets(latest, partitions, isolation);
      const watermarks =
        isolation === levels.read_uncommitted
          ? highs
          : await listOffsets(latest, partitions, levels.read_uncommitted);
      return new Map(
        [...highs].map(([partition, high]) => [
          partition,
          { low: lows.get(partition)!, high, highWatermark: watermarks.get(partition)! },
        ]),
      );
    },
    async offsetsAt(time, partitions) {
      const highs = await listOffsets(latest, partitions, isolation);
      const found = await listOffsets(time.getTime(), partitions, isolation);
      return new Map(
        [...highs].map(([partition, high]) => {
          const offset = found.get(partition) ?? -1n;
          return [partition, offset === -1n ? high : offset];
        }),
      );
    },
    async fetch(node, positions, { useRack = true, maxBytes: limit = maxBytes } = {}) {
      const broker = await cluster.findBroker({ nodeId: node });
      const offsets = new Map(positions.map(({ partition, offset }) => [partition, offset]));
      const partitions = positions.map(({ partition, offset, leaderEpoch }) => ({
        partition,
        fetchOffset: String(offset),
        currentLeaderEpoch: leaderEpoch,
        maxBytes: Math.min(limit, maxBytesPerPartition),
      }));
      // kafkajs makes the request; its answer is read here: batch by batch, each partition by itself.
      let answer: PartitionData[] = [];
      await sendInstead(broker, (request) => ({
        ...request,
        response: {
          decode: async (payload) => {
            answer = readFetchResponse(payload, request.request.apiVersion);
            return {} as never;
          },
          parse: async (data) => data,
        },
      })).fetch({
        replicaId: -1,
        isolationLevel: isolation,
        maxWaitTime: maxWaitMs,
        minBytes,
        maxBytes: limit,
        topics: [{ topic, partitions }],
        rackId: useRack ? rack : '',
      });
      return Promise.all(answer.map((data) => fetched(data, offsets.get(data.partition)!)));
    },
    async endOfEpoch(partition, epoch) {
      const nodeId = leaders.get(partition)?.node ?? -1;
      const end = await askEpochEnd(await cluster.findBroker({ nodeId }), topic, partition, epoch);
      if (end === undefined) {
        return undefined;
      }
      if (end.errorCode !== 0) {
        throw brokerError(end.errorCode, `${topic}[${partition}]`);
      }
      return end.endOffset === -1n ? undefined : end.endOffset;
    },
    async partitionsOf(name) {
      const { topicMetadata } = await askMetadata(await findConnectedBroker(), name);
      const partitions = topicMetadata.flatMap(({ partitionMetadata }) => partitionMetadata);
      return partitions.map(({ partitionId }) => partitionId).toSorted((one, other) => one - other);
    },
    addressOf(node) {
      const broker = cluster.brokerPool.metadata?.brokers.find(({ nodeId }) => nodeId === node);
      return broker === undefined ? `broker ${node}` : `${broker.host}:${broker.port}`;
    },
    async close() {
      // Not waited for: the client would wait for a fetch that waits for records, which nobody needs any more.
      cluster.disconnect().catch(() => {});
    },
  };

  await cluster.connect();
  cluster.targetTopics.add(topic);
  return client;
}

const unknownTopic = 3;
const leaderNotAvailable = 5;

/** @throws BrokerError `LEADER_NOT_AVAILABLE`, which may pass, where `bounds` had to leave out some of these partitions */
export function assertLed(
  topic: string,
  partitions: readonly number[],
  bounds: { has(partition: number): boolean },
): void {
  const left = partitions.filter((partition) => !bounds.has(partition));
  if (left.length > 0) {
    throw brokerError(leaderNotAvailable, `${topic}[${left.join(', ')}]`);
  }
}
