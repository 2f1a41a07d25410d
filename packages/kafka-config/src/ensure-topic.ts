import type { Admin, ITopicConfig } from 'kafkajs';
import { assertTopicName, brokerSettings, untilServed } from './cluster.ts';
import { rootCause, translate } from './translate.ts';

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
 * unclean leader election, so that `acks=all` survives the loss of a broker. Where the cluster refuses settings, as managed services
 * do, it is created without them.
 *
 * @param warn told in one line which settings were refused, with the command to set them. Default: nobody is
 * @returns whether it was created; of several programs that call this at once, one gets true
 * @throws KafkaConfigError `INVALID_TOPIC`, `NOT_AUTHORIZED`, `REFUSED`
 */
export async function ensureTopic(
  admin: Admin,
  topic: string,
  wanted: NewTopic,
  warn: (message: string) => void = () => {},
): Promise<boolean> {
  assertTopicName(topic);
  try {
    if ((await admin.listTopics()).includes(topic)) {
      return false;
    }
    const created = await create(admin, await newTopic(admin, topic, wanted), wanted, warn);
    await untilServed(() => admin.fetchTopicOffsets(topic));
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

/** What a cluster says to a topic that it would take with other numbers or settings. */
const refusals = new Set([
  'POLICY_VIOLATION',
  'INVALID_CONFIG',
  'INVALID_PARTITIONS',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_REQUEST',
]);

/** Once as it is wanted; where that is refused, with the cluster's own numbers; and where that is, too, without settings. */
async function create(
  admin: Admin,
  topic: ITopicConfig,
  { partitions, replicationFactor }: NewTopic,
  warn: (message: string) => void,
): Promise<boolean> {
  const { configEntries = [], ...rest } = topic;
  const attempt = (config: ITopicConfig): Promise<boolean> =>
    admin.createTopics({ topics: [config], waitForLeaders: false });
  try {
    return await attempt(topic);
  } catch (refusal) {
    if (!isRefusal(refusal)) {
      throw refusal;
    }
    // Before 2.4, brokers have to be told how many partitions.
    const defaults = await brokerSettings(admin, ['num.partitions', 'default.replication.factor']);
    const numbered = {
      ...rest,
      numPartitions: partitions ?? (Number(defaults.get('num.partitions')) || 1),
      replicationFactor:
        replicationFactor ??
        Math.max(rest.replicationFactor!, Number(defaults.get('default.replication.factor')) || 1),
    };
    try {
      return await attempt({ ...numbered, configEntries });
    } catch (error) {
      if (!isRefusal(error)) {
        throw error;
      }
    }
    let created;
    try {
      created = await attempt(numbered);
    } catch {
      // What was wrong at first says most.
      throw refusal;
    }
    if (created) {
      const settings = configEntries.map(({ name, value }) => `${name}=${value}`).join(',');
      const { message } = rootCause(refusal) as Error;
      warn(
        `topic ${topic.topic} was created with the cluster's own settings, since it refused ${settings} (${message}); to set what it takes: ` +
          `kafka-configs.sh --bootstrap-server HOST:PORT --alter --topic ${topic.topic} --add-config ${settings}`,
      );
    }
    return created;
  }
}

function isRefusal(error: unknown): boolean {
  return refusals.has((rootCause(error) as { type?: string }).type ?? '');
}
