import type { ReceivedRecord } from '@image-stream/codec';
import { openTopicClient } from '@image-stream/kafka-client';
import type { ReadSettings } from '@image-stream/kafka-config';
import { createOutageLog } from '@image-stream/program';
import type { Logger } from '@image-stream/program';
import type { Kafka } from 'kafkajs';
import { silentMonitor } from '../monitor/monitor.ts';
import { createEnds } from '../receive/ends.ts';
import { createJumps } from '../receive/jumps.ts';
import { createPartReceiver } from '../receive/part-receiver.ts';
import { selectPart } from '../receive/select.ts';
import type { TopicPart } from '../receive/select.ts';
import { untilLed } from '../receive/until-led.ts';

/** What it takes to read. */
export interface ReadOptions {
  readonly kafka: Kafka;
  readonly read: ReadSettings;
  readonly signal: AbortSignal;
  readonly logger: Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;
}

/**
 * Reads a topic, or a part of it, up to the ends that its partitions have now.
 *
 * @param take given one record after the other, the next one when it resolves
 * @throws the reason of the signal where that ends it
 */
export async function readTopic(
  topic: string,
  wanted: TopicPart,
  { kafka, read, signal, logger }: ReadOptions,
  take: (record: ReceivedRecord) => Promise<void>,
): Promise<void> {
  const client = await openTopicClient(kafka, topic, read);
  const outage = createOutageLog(logger, `records of ${topic} come again`);
  const part = await untilLed(() => selectPart(client, wanted, true), outage, signal);
  const receiver = createPartReceiver({
    client,
    ...part,
    jumps: createJumps({ topic, logger, monitor: silentMonitor }),
    ends: createEnds(part.starts, part.ends),
    signal,
    outage,
    logger,
    monitor: silentMonitor,
  });
  try {
    for await (const { record } of receiver) {
      if (part.isSelected(record)) {
        await take(record);
      }
    }
  } finally {
    await receiver.close();
  }
  signal.throwIfAborted();
}
