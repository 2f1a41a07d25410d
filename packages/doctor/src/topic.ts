import { assertTopicName, topicSettings, untilServed } from '@image-stream/kafka-config';
import { counted, formatBytes, formatSeconds } from '@image-stream/program';
import type { Admin, ITopicMetadata } from 'kafkajs';
import { ok, problem, warning } from '@image-stream/program';
import type { Finding } from '@image-stream/program';

/** @throws KafkaConfigError `INVALID_TOPIC` */
export async function topicExists(admin: Admin, topic: string): Promise<boolean> {
  assertTopicName(topic);
  return (await admin.listTopics()).includes(topic);
}

/**
 * A topic that exists: its partitions, and those of its settings that images depend on.
 *
 * @param maxRequestSize of the producer, in bytes; undefined for the consumer, which it does not concern
 */
export async function checkTopic(
  admin: Admin,
  topic: string,
  maxRequestSize: number | undefined,
): Promise<Finding[]> {
  const { topics } = await untilServed(() => admin.fetchTopicMetadata({ topics: [topic] }));
  const { partitions } = topics[0]!;
  const settings = await topicSettings(admin, topic, settingNames);
  if (settings === undefined) {
    return [
      checkPartitions(topic, partitions),
      warning(
        'settings',
        `this user may not see the settings of topic ${topic}`,
        `give it an ACL: kafka-acls.sh --add --allow-principal User:<name> --operation DescribeConfigs --topic ${topic}`,
      ),
    ];
  }
  const hidden = settingNames.filter((name) => !settings.has(name));
  const isTold = (...names: (typeof settingNames)[number][]): boolean =>
    names.every((name) => settings.has(name));
  return [
    checkPartitions(topic, partitions),
    ...(isTold('min.insync.replicas') ? [checkDurability(topic, partitions, settings)] : []),
    ...(isTold('cleanup.policy') ? [checkCleanup(topic, settings)] : []),
    ...(isTold('retention.ms', 'retention.bytes') ? [checkRetention(topic, settings)] : []),
    ...(isTold('max.message.bytes') ? [checkLimit(topic, settings, maxRequestSize)] : []),
    ...(hidden.length > 0
      ? [
          warning(
            'settings',
            `the brokers do not tell ${hidden.join(', ')} of topic ${topic}`,
            'look for them in the documentation of the service; where images are refused, they are sent in smaller chunks',
          ),
        ]
      : []),
  ];
}

type Partitions = ITopicMetadata['partitions'];

function checkPartitions(topic: string, partitions: Partitions): Finding {
  const replicas = Math.min(...partitions.map((partition) => partition.replicas.length));
  const seen = `${topic}: ${counted(partitions.length, 'partition')}, ${counted(replicas, 'replica')} each`;
  const without = partitions.filter(({ leader }) => leader < 0);
  if (without.length > 0) {
    return problem(
      'topic',
      `${seen}; ${counted(without.length, 'partition')} without a leader: ${numbers(without)}`,
      'start the brokers that hold them',
    );
  }
  const behind = partitions.filter((partition) => partition.isr.length < partition.replicas.length);
  return behind.length > 0
    ? warning(
        'topic',
        `${seen}; of ${counted(behind.length, 'partition')} some replicas are not in sync: ${numbers(behind)}`,
        'look at the brokers that hold them',
      )
    : ok('topic', seen);
}

function numbers(partitions: Partitions): string {
  const shown = partitions.slice(0, 10).map(({ partitionId }) => partitionId);
  return `${shown.join(', ')}${partitions.length > shown.length ? ', ...' : ''}`;
}

type Settings = ReadonlyMap<string, string>;

const settingNames = [
  'max.message.bytes',
  'min.insync.replicas',
  'unclean.leader.election.enable',
  'cleanup.policy',
  'retention.ms',
  'retention.bytes',
] as const;

/** Whether `--acks all` survives the loss of a broker. */
function checkDurability(topic: string, partitions: Partitions, settings: Settings): Finding {
  const replicas = Math.min(...partitions.map((partition) => partition.replicas.length));
  const minimum = Number(settings.get('min.insync.replicas'));
  const isUnclean = settings.get('unclean.leader.election.enable') === 'true';
  const seen = `min.insync.replicas=${minimum}, unclean.leader.election.enable=${isUnclean}`;
  const toAlter = (setting: string): string => alter(topic, setting);
  if (minimum > replicas) {
    return problem(
      'durability',
      `${seen}: more than the ${counted(replicas, 'replica')} there are, so that nothing can be sent with --acks all`,
      toAlter(`min.insync.replicas=${replicas}`),
    );
  }
  if (replicas < 3) {
    return warning(
      'durability',
      `${counted(replicas, 'replica')}: images can be lost with one broker`,
      'what must not be lost needs three brokers, three replicas, min.insync.replicas=2 and --acks all',
    );
  }
  if (minimum === replicas) {
    return warning(
      'durability',
      `${seen}: with one broker down, nothing can be sent with --acks all`,
      toAlter(`min.insync.replicas=${replicas - 1}`),
    );
  }
  return minimum < 2 || isUnclean
    ? warning(
        'durability',
        `${seen}: images can be lost with one broker, also with --acks all`,
        toAlter('min.insync.replicas=2,unclean.leader.election.enable=false'),
      )
    : ok('durability', `${seen}: with --acks all, no image is lost with one broker`);
}

function checkCleanup(topic: string, settings: Settings): Finding {
  const policy = settings.get('cleanup.policy') ?? '';
  return policy.includes('compact')
    ? problem(
        'cleanup',
        `cleanup.policy=${policy}: of an image in chunks, which share its id as key, all but the last are removed`,
        alter(topic, 'cleanup.policy=delete'),
      )
    : ok('cleanup', `cleanup.policy=${policy}`);
}

const dayMs = 86_400_000;

function checkRetention(topic: string, settings: Settings): Finding {
  const milliseconds = Number(settings.get('retention.ms'));
  const bytes = Number(settings.get('retention.bytes'));
  const time = milliseconds < 0 ? 'for ever' : `for ${formatSeconds(milliseconds / 1000)}`;
  const size = bytes < 0 ? '' : `, but not more than ${formatBytes(bytes)} of each partition`;
  const seen = `records are kept ${time}${size}`;
  return milliseconds >= 0 && milliseconds < dayMs
    ? warning(
        'retention',
        `${seen}; what no consumer has read by then is lost`,
        alter(topic, `retention.ms=${7 * dayMs}`),
      )
    : ok('retention', seen);
}

function checkLimit(topic: string, settings: Settings, maxRequestSize: number | undefined): Finding {
  const limit = Number(settings.get('max.message.bytes'));
  const seen = `max.message.bytes=${limit} (${formatBytes(limit)})`;
  if (maxRequestSize !== undefined && limit < maxRequestSize) {
    return warning(
      'size limit',
      `${seen} is less than --max-request-size ${maxRequestSize}: larger images travel in chunks, and --format python-json cannot send them`,
      `that is fine for cloudevents; else ${alter(topic, `max.message.bytes=${maxRequestSize}`)}`,
    );
  }
  return ok('size limit', `${seen}; larger images travel in chunks`);
}

function alter(topic: string, settings: string): string {
  return `kafka-configs.sh --alter --topic ${topic} --add-config ${settings}`;
}
