import type { Kafka } from 'kafkajs';
import { rootCause } from '@image-stream/kafka-config';

/** Whether this user may do something; undefined where the broker's answer does not tell. */
export type Permission = boolean | undefined;

/** Questions about what a user may do, put so that nothing is written, created or joined. */
export interface Probe {
  /** Of the broker that answered first, `host:port`. */
  readonly address: string;
  /** The highest version of a request that it takes, by Kafka's number of the request. */
  readonly apiVersions: Readonly<
    Record<number, { readonly minVersion: number; readonly maxVersion: number }>
  >;
  /** Whether this user may send records to a topic. */
  mayWrite(topic: string): Promise<Permission>;
  /** Whether this user may fetch its records. */
  mayRead(topic: string): Promise<Permission>;
  /** Whether this user may join a group, and commit for it. */
  mayJoin(groupId: string): Promise<Permission>;
  /** Whether this user may create it. */
  mayCreate(topic: string): Promise<Permission>;
  /** Disconnects. */
  close(): Promise<void>;
}

/** What is used of kafkajs's own connection to a cluster. */
interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  findGroupCoordinator(group: { groupId: string }): Promise<Broker>;
  findControllerBroker(): Promise<Broker>;
  refreshMetadata(): Promise<void>;
  readonly brokerPool: { readonly seedBroker: Broker };
}

interface Broker {
  readonly brokerAddress: string;
  readonly versions: Probe['apiVersions'];
  produce(request: object): Promise<unknown>;
  fetch(request: object): Promise<unknown>;
  heartbeat(request: object): Promise<unknown>;
  createTopics(request: object): Promise<unknown>;
}

/** A partition that no topic has: a broker checks permissions first, and then finds nothing to do. */
const partition = 2 ** 31 - 1;

/**
 * Connects a probe. kafkajs has no way to ask one question without a producer that writes or a consumer that joins, so this
 * goes by the connection that it makes for both.
 *
 * @throws what kafkajs throws where no broker answers or the login fails; so does each question when the connection is lost
 */
export async function openProbe(kafka: Kafka): Promise<Probe> {
  const cluster = createCluster(kafka);
  await cluster.connect();
  const broker = cluster.brokerPool.seedBroker;
  return {
    address: broker.brokerAddress,
    apiVersions: broker.versions,
    mayWrite: (topic) =>
      isAllowed(() => {
        const partitions = [{ partition, firstSequence: 0, messages: [{ value: null, headers: {} }] }];
        return broker.produce({ acks: 1, topicData: [{ topic, partitions }] });
      }),
    mayRead: (topic) =>
      isAllowed(() => {
        const partitions = [{ partition, fetchOffset: '0', maxBytes: 1 }];
        return broker.fetch({ maxWaitTime: 1, topics: [{ topic, partitions }] });
      }),
    mayJoin: (groupId) =>
      isAllowed(async () => {
        const coordinator = await cluster.findGroupCoordinator({ groupId });
        return coordinator.heartbeat({ groupId, groupGenerationId: -1, memberId: 'nobody' });
      }),
    mayCreate: (topic) =>
      isAllowed(async () => {
        await cluster.refreshMetadata();
        const controller = await cluster.findControllerBroker();
        const topics = [{ topic, numPartitions: -1, replicationFactor: 1 }];
        return controller.createTopics({ topics, validateOnly: true });
      }),
    close: () => cluster.disconnect(),
  };
}

function createCluster(kafka: Kafka): Cluster {
  const name = 'private:Kafka:createCluster';
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === name)!;
  const create = (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol]!;
  return create.call(kafka, { metadataMaxAge: 300_000, allowAutoTopicCreation: false });
}

/** What a broker says to a request that it would serve if there were anything to do. */
const nothingToDo = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'TOPIC_ALREADY_EXISTS',
]);

async function isAllowed(ask: () => Promise<unknown>): Promise<Permission> {
  try {
    await ask();
    return true;
  } catch (error) {
    const { type = '' } = rootCause(error) as { type?: string };
    if (type.endsWith('AUTHORIZATION_FAILED')) {
      return false;
    }
    if (nothingToDo.has(type)) {
      return true;
    }
    // Without a coordinator there is nothing to be permitted.
    if (type !== '' && type !== 'GROUP_COORDINATOR_NOT_AVAILABLE') {
      return undefined;
    }
    throw error;
  }
}
