import { deadLetterHeadroomBytes } from '@image-stream/codec';
import { checkPermission, ok, problem, warning } from '@image-stream/doctor';
import type { Finding } from '@image-stream/doctor';
import { openProbe } from '@image-stream/kafka-client';
import { assertTopicName, KafkaConfigError, topicSettings } from '@image-stream/kafka-config';
import type { Permission, Probe } from '@image-stream/kafka-client';
import type { NewTopic } from '@image-stream/kafka-config';
import { counted, formatSeconds } from '@image-stream/program';
import type { Logger } from '@image-stream/program';
import type { Admin, Kafka } from 'kafkajs';

/** Where the records come from. */
export interface OriginalTopic {
  readonly topic: string;
  /** What it would be created with; it counts where this user may not see the topic's settings. */
  readonly maxMessageBytes: number;
}

const settingNames = ['max.message.bytes', 'cleanup.policy', 'retention.ms', 'retention.bytes'];

/** Kafka's own default: a person needs time to look, however short that of the original is. */
const leastRetentionMs = 7 * 86_400_000;

/**
 * What a dead-letter topic is created with. It keeps at least what the original topic keeps, takes any of its records with the
 * reason, also those without a key, which a compacted topic refuses, and goes by the broker's clock, so that a wrong one here keeps
 * nothing out.
 *
 * @returns also the largest record batch of the original
 */
export async function newDeadLetterTopic(
  admin: Admin,
  { topic, maxMessageBytes }: OriginalTopic,
): Promise<NewTopic & { originalLimit: number }> {
  const settings = await topicSettings(admin, topic, settingNames);
  const originalLimit = Number(settings?.get('max.message.bytes') ?? maxMessageBytes) || maxMessageBytes;
  const { ms } = keeps(settings);
  return {
    originalLimit,
    maxMessageBytes: originalLimit + deadLetterHeadroomBytes,
    settings: {
      'cleanup.policy': 'delete',
      'retention.ms': String(ms === forever ? -1 : Math.max(ms, leastRetentionMs)),
      'retention.bytes': '-1',
      'message.timestamp.type': 'LogAppendTime',
    },
  };
}

const forever = Number.POSITIVE_INFINITY;

/** How long a topic keeps its records, and how many bytes of each partition; for ever where that is not known. */
function keeps(settings: ReadonlyMap<string, string> | undefined): { ms: number; bytes: number } {
  const isDeleting = settings?.get('cleanup.policy')?.includes('delete') !== false;
  const limit = (name: string): number => {
    const value = Number(settings?.get(name) ?? -1);
    return isDeleting && value >= 0 ? value : forever;
  };
  return { ms: limit('retention.ms'), bytes: limit('retention.bytes') };
}

/** What `checkDeadLetterTopic` asks. */
export interface Asked {
  readonly admin: Admin;
  readonly probe: Pick<Probe, 'mayCreate' | 'mayWrite'>;
}

/** Looks whether dead letters of a topic can be written, and stay. Nothing is created. */
export async function checkDeadLetterTopic(
  { admin, probe }: Asked,
  original: string,
  topic: string,
): Promise<Finding[]> {
  try {
    assertTopicName(topic);
  } catch (error) {
    return [problem('dead letters', (error as Error).message, otherName)];
  }
  const topics = await admin.listTopics();
  if (!topics.includes(topic)) {
    const other = topics.find((one) => collisionName(one) === collisionName(topic));
    return other !== undefined
      ? [
          problem(
            'dead letters',
            `${topic} cannot be created: Kafka takes '.' and '_' for the same in names, and topic ${other} exists`,
            otherName,
          ),
        ]
      : [
          ok('dead letters', `${topic} will be created with the first bad record`),
          checkPermission(
            `create topic ${topic}`,
            `--operation Create --topic ${topic}`,
            await probe.mayCreate(topic),
          ),
          ...((await probe.mayWrite(topic)) === false ? [checkWrite(topic, false)] : []),
        ];
  }
  const [mayWrite, own, its] = await Promise.all([
    probe.mayWrite(topic),
    topicSettings(admin, topic, settingNames),
    topicSettings(admin, original, settingNames),
  ]);
  const faults = own === undefined ? [] : checkSettings(topic, own, original, its);
  return [
    ...(faults.length > 0 ? faults : [ok('dead letters', `${topic} exists`)]),
    checkWrite(topic, mayWrite),
  ];
}

function checkWrite(topic: string, mayWrite: Permission): Finding {
  return checkPermission(`write to topic ${topic}`, `--operation Write --topic ${topic}`, mayWrite);
}

const otherName = 'choose another --dead-letter-topic';

/** What Kafka compares names by, since its metrics do. */
function collisionName(topic: string): string {
  return topic.replaceAll('.', '_');
}

/** @param original its settings are undefined where this user may not see them: then nothing is compared with them */
function checkSettings(
  topic: string,
  own: ReadonlyMap<string, string>,
  original: string,
  its: ReadonlyMap<string, string> | undefined,
): Finding[] {
  const policy = own.get('cleanup.policy') ?? '';
  if (policy.includes('compact')) {
    return [
      problem(
        'dead letters',
        `${topic} has cleanup.policy=${policy}: it refuses records without a key, and removes all but the last of each key`,
        alter(topic, 'cleanup.policy=delete'),
      ),
    ];
  }
  if (its === undefined) {
    return [];
  }
  const [kept, needed] = [keeps(own), keeps(its)];
  const room = Number(own.get('max.message.bytes')) || forever;
  const neededRoom = (Number(its.get('max.message.bytes')) || 0) + deadLetterHeadroomBytes;
  return [
    ...(kept.ms < needed.ms
      ? [
          warning(
            'dead letters',
            `${topic} keeps records ${time(kept.ms)}, and ${original} ${time(needed.ms)}: dead letters are gone before their records`,
            alter(topic, `retention.ms=${needed.ms === forever ? -1 : needed.ms}`),
          ),
        ]
      : []),
    ...(kept.bytes < needed.bytes
      ? [
          warning(
            'dead letters',
            `${topic} keeps ${size(kept.bytes)} of each partition, and ${original} ${size(needed.bytes)}: dead letters may be gone before their records`,
            alter(topic, 'retention.bytes=-1'),
          ),
        ]
      : []),
    ...(room < neededRoom
      ? [
          warning(
            'dead letters',
            `${topic} takes ${counted(room, 'byte')}, and the largest record of ${original} with the reason may have ${neededRoom}: the consumer waits at a larger one`,
            alter(topic, `max.message.bytes=${neededRoom}`),
          ),
        ]
      : []),
  ];
}

function time(milliseconds: number): string {
  return milliseconds === forever ? 'for ever' : `for ${formatSeconds(milliseconds / 1000)}`;
}

function size(bytes: number): string {
  return bytes === forever ? 'all bytes' : counted(bytes, 'byte');
}

function alter(topic: string, setting: string): string {
  return `kafka-configs.sh --alter --topic ${topic} --add-config ${setting}`;
}

/**
 * Says before the first image what is wrong with the dead-letter topic, one line each. What may be put right while the
 * consumer waits is a warning.
 *
 * @throws KafkaConfigError `REFUSED` for one that cannot be created, or that would lose dead letters
 */
export async function assertDeadLetterTopic(
  { kafka, admin }: { readonly kafka: Kafka; readonly admin: Admin },
  original: string,
  topic: string,
  logger: Pick<Logger, 'warn'>,
): Promise<void> {
  const probe = await openProbe(kafka);
  try {
    if ((await probe.mayRead(original)) === false) {
      // Nothing will be read, and that is what is to be said.
      return;
    }
    for (const { check, status, seen, advice } of await checkDeadLetterTopic(
      { admin, probe },
      original,
      topic,
    )) {
      const line = `${check}: ${seen}; ${advice}`;
      if (status === 'problem' && check === 'dead letters') {
        throw new KafkaConfigError('REFUSED', line);
      }
      if (status === 'problem' || (status === 'warning' && check === 'dead letters')) {
        logger.warn(line);
      }
    }
  } finally {
    await probe.close();
  }
}
