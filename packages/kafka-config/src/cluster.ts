import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, ITopicConfig } from 'kafkajs';
import { KafkaConfigError } from './errors.ts';
import { rootCause, translate } from './translate.ts';

/** A broker that is not there is reported within ten seconds, whatever the timeouts of requests. */
const reachTimeoutMs = 8000;

/**
 * Connects an admin client, or says why no broker can be reached.
 *
 * @throws KafkaConfigError `UNREACHABLE`, `AUTHENTICATION_FAILED`
 */
export async function connectAdmin(admin: Admin, servers: readonly string[]): Promise<void> {
  let timer;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer within ${reachTimeoutMs / 1000} s`)),
      reachTimeoutMs,
    );
  });
  try {
    await Promise.race([connect(admin), timeout]);
  } catch (error) {
    throw translate(error, servers);
  } finally {
    clearTimeout(timer);
  }
}

async function connect(admin: Admin): Promise<void> {
  await admin.connect();
  // A broker answers the greeting of anyone; only its next answer shows that it would serve this client.
  await admin.describeCluster();
}

/** What a topic that does not exist is to be created with. */
export interface NewTopic {
  /** Default: the broker's `num.partitions`. */
  readonly partitions?: number | undefined;
  /** Default: 3 where there are as many brokers, else one for each. */
  readonly replicationFactor?: number | undefined;
  /** `max.message.bytes`: the largest record batch, in bytes. */
  readonly maxMessageBytes: number;
  /** Other settings of the topic by their names, such as `retention.ms`. Default: none. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

/**
 * Creates a topic unless it exists. With three replicas it gets `min.insync.replicas` 2 and no
 * unclean leader election, so that `acks=all` survives the loss of a broker.
 *
 * @returns whether it was created; of several programs that call this at once, one gets true
 * @throws KafkaConfigError `INVALID_TOPIC`, `NOT_AUTHORIZED`, `REFUSED`
 */
export async function ensureTopic(admin: Admin, topic: string, wanted: NewTopic): Promise<boolean> {
  assertTopicName(topic);
  try {
    if ((await admin.listTopics()).includes(topic)) {
      return false;
    }
    const topics = [await newTopic(admin, topic, wanted)];
    const created = await admin.createTopics({ topics, waitForLeaders: false });
    await untilServed(() => admin.fetchTopicMetadata({ topics: [topic] }));
    return created;
  } catch (error) {
    // Kafka does not tell a topic that is not there from one that this user may not see.
    throw translate(error, [], `topic '${topic}' was not found and cannot be created`);
  }
}

async function newTopic(admin: Admin, topic: string, wanted: NewTopic): Promise<ITopicConfig> {
  const { brokers } = await admin.describeCluster();
  const {
    partitions = -1,
    replicationFactor = Math.min(3, brokers.length),
    maxMessageBytes,
    settings = {},
  } = wanted;
  const durable = [
    { name: 'min.insync.replicas', value: '2' },
    { name: 'unclean.leader.election.enable', value: 'false' },
  ];
  return {
    topic,
    numPartitions: partitions,
    replicationFactor,
    configEntries: [
      { name: 'max.message.bytes', value: String(maxMessageBytes) },
      ...(replicationFactor >= 3 ? durable : []),
      ...Object.entries(settings).map(([name, value]) => ({ name, value })),
    ],
  };
}

/** How long the brokers may take to hear of a new topic, and to choose its leaders and who serves a group. */
const servedTimeoutMs = 10_000;

/** What a broker says in the meantime. */
const notYet = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_LOAD_IN_PROGRESS',
]);

/**
 * Asks about a topic or a group until the broker knows it: each broker learns of a new topic by itself, so that one can still
 * deny what another one has confirmed. What kafkajs offers, `waitForLeaders`, fails at the first denial.
 *
 * @throws what `ask` throws for any other reason, or for this one after ten seconds
 */
export async function untilServed<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + servedTimeoutMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const { type = '' } = rootCause(error) as { type?: string };
      if (!notYet.has(type) || Date.now() > deadline) {
        throw error;
      }
    }
    await sleep(50);
  }
}

/** ConfigResourceTypes.TOPIC of kafkajs, spelled out so that this module loads without the client. */
const topicResource = 2;

/**
 * Settings of a topic as the broker has them, by their names; undefined where this user may not see them. A topic that
 * was just created is waited for.
 *
 * @param names such as `max.message.bytes`
 * @throws what kafkajs throws for any other reason
 */
export async function topicSettings(
  admin: Admin,
  topic: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, string> | undefined> {
  const resource = { type: topicResource, name: topic, configNames: [...names] };
  try {
    const { resources } = await untilServed(() =>
      admin.describeConfigs({ includeSynonyms: false, resources: [resource] }),
    );
    return new Map(
      resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue]),
    );
  } catch (error) {
    const { type = '' } = rootCause(error) as { type?: string };
    if (type.endsWith('AUTHORIZATION_FAILED')) {
      return undefined;
    }
    throw error;
  }
}

/** The largest record batch that a topic takes, in bytes, its `max.message.bytes`; else as `topicSettings`. */
export async function topicLimit(admin: Admin, topic: string): Promise<number | undefined> {
  const settings = await topicSettings(admin, topic, ['max.message.bytes']);
  return settings && Number(settings.get('max.message.bytes'));
}

/** @throws KafkaConfigError `INVALID_TOPIC` for a name that Kafka does not allow */
export function assertTopicName(topic: string): void {
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(topic) || topic === '.' || topic === '..') {
    throw new KafkaConfigError(
      'INVALID_TOPIC',
      `topic '${topic}' must have 1 to 249 characters of A-Z, a-z, 0-9, '.', '_' and '-', and not be '.' or '..'`,
    );
  }
}
