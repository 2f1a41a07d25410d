import { setTimeout as sleep } from 'node:timers/promises';
import { BrokerError, isRetriable, openTopicClient, unlessAborted } from '@image-stream/kafka-client';
import { assertTopicName, KafkaConfigError } from '@image-stream/kafka-config';
import { didYouMean, meant } from '@image-stream/program';
import type { Logger } from '@image-stream/program';
import type { Admin, Kafka } from 'kafkajs';
import type { Monitor } from '../monitor/monitor.ts';

export interface AwaitTopicOptions {
  readonly kafka: Kafka;
  readonly admin: Admin;
  /** Whether the run ends at the ends of the topic, so that nothing is waited for. */
  readonly isBounded: boolean;
  readonly signal: AbortSignal;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'debug'>;
  readonly monitor: Pick<Monitor, 'unassigned'>;
}

const intervalMs = 1000;

/**
 * Waits until the topic exists. It is for the producer to create: a consumer whose topic is mistyped would create one that
 * nobody sends to, and wait there without a word.
 *
 * @returns false where `signal` came first
 * @throws KafkaConfigError `REFUSED` where there is no topic and nothing is waited for, `INVALID_TOPIC`
 */
export async function awaitTopic(
  topic: string,
  { kafka, admin, isBounded, signal, logger, monitor }: AwaitTopicOptions,
): Promise<boolean> {
  assertTopicName(topic);
  const client = await openTopicClient(kafka, topic, {});
  let isWaiting = false;
  try {
    while (!signal.aborted) {
      try {
        await unlessAborted(signal, client.describe());
        return !signal.aborted;
      } catch (error) {
        if (!isUnknown(error)) {
          if (!isWaiting || !isRetriable(error)) {
            throw error;
          }
          logger.debug({ error }, `cannot ask for topic ${topic}; asked again`);
        } else if (!isWaiting) {
          isWaiting = true;
          await sayThatThereIsNone();
        }
      }
      await sleep(intervalMs, undefined, { signal }).catch(() => {});
    }
    return false;
  } finally {
    await client.close();
  }

  async function sayThatThereIsNone(): Promise<void> {
    const question = didYouMean(meant(topic, await admin.listTopics()));
    if (isBounded) {
      throw new KafkaConfigError(
        'REFUSED',
        `there is no topic '${topic}'${question || '; name another one with --topic'}`,
      );
    }
    monitor.unassigned(`topic ${topic} does not exist yet`);
    logger.warn(`topic ${topic} does not exist yet: waiting for it${question}`);
  }
}

function isUnknown(error: unknown): boolean {
  return error instanceof BrokerError && error.type === 'UNKNOWN_TOPIC_OR_PARTITION';
}
