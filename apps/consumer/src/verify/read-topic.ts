import type { ReceivedRecord } from '@image-stream/codec';
import type { consumerConfig } from '@image-stream/kafka-config';
import type { Logger } from '@image-stream/program';
import type { Admin, Kafka } from 'kafkajs';
import { silentMonitor } from '../monitor/monitor.ts';
import { findEnds } from '../receive/ends.ts';
import { createGaps } from '../receive/gaps.ts';
import { createReceiver } from '../receive/receiver.ts';
import { selectPart } from '../receive/select.ts';
import type { TopicPart } from '../receive/select.ts';
import { VerifyError } from './verify-error.ts';

/** What it takes to read. */
export interface ReadOptions {
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly config: ReturnType<typeof consumerConfig>['consumer'];
  readonly signal: AbortSignal;
  readonly logger: Pick<Logger, 'debug' | 'warn' | 'error'>;
}

/** Only that a lost connection need not begin again: nobody reads on where this ends. */
const commitDelayMs = 5000;

/**
 * Reads a topic, or a part of it, up to the ends that its partitions have now, in a group of its own that is removed
 * at the end.
 *
 * @param take given one record after the other, the next one when it resolves
 * @throws VerifyError where the user stops it: half of a topic proves nothing
 */
export async function readTopic(
  topic: string,
  wanted: TopicPart,
  { kafka, admin, config: given, signal, logger }: ReadOptions,
  take: (record: ReceivedRecord) => Promise<void>,
): Promise<void> {
  const part = await selectPart(admin, topic, wanted, true, 'verify');
  const { groupId } = part;
  try {
    const ends = await findEnds(admin, topic, groupId, true, part.ends);
    const config = { ...given, groupId };
    const receiver = await createReceiver({
      consumer: kafka.consumer(config),
      config,
      topic,
      fromBeginning: true,
      commitDelayMs,
      gaps: createGaps({ admin, topic, groupId, logger, monitor: silentMonitor }),
      ends,
      signal,
      logger,
      monitor: silentMonitor,
    });
    try {
      for await (const { record, done } of receiver) {
        if (part.isSelected(record)) {
          await take(record);
        }
        done();
      }
    } finally {
      await receiver.close();
    }
  } finally {
    await part.close(logger);
  }
  if (signal.aborted) {
    throw new VerifyError('stopped before everything was compared; nothing is proven');
  }
}
