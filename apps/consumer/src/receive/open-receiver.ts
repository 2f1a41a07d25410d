import { createGroupClient, createLagReader, openTopicClient } from '@image-stream/kafka-client';
import type { consumerConfig } from '@image-stream/kafka-config';
import { createOutageLog } from '@image-stream/program';
import type { Logger } from '@image-stream/program';
import type { Admin, Kafka } from 'kafkajs';
import type { Monitor } from '../monitor/monitor.ts';
import type { ConsumerOptions } from '../options.ts';
import { createEnds, findEnds, rewind } from './ends.ts';
import type { Ends } from './ends.ts';
import { createJumps } from './jumps.ts';
import type { Jumps } from './jumps.ts';
import { createPartReceiver } from './part-receiver.ts';
import { createReceiver } from './receiver.ts';
import type { Receiver } from './receiver.ts';
import { isSelection, selectPart } from './select.ts';
import type { SelectedPart, TopicPart } from './select.ts';
import { untilLed } from './until-led.ts';

/** What is read, and until when. */
export type ReadOptions = Pick<ConsumerOptions, 'topic'> &
  TopicPart &
  Partial<Pick<ConsumerOptions, 'exit-at-end' | 'from-beginning'>>;

export interface OpenReceiverOptions {
  readonly values: ReadOptions;
  readonly config: ReturnType<typeof consumerConfig>;
  readonly kafka: Kafka;
  readonly admin: Admin;
  /** Whether the run ends at the ends that the partitions have now. */
  readonly isBounded: boolean;
  /** Makes durable what is accepted, before partitions are given away. */
  readonly flush: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly monitor: Monitor;
}

/** What reads the topic, and what part of it. */
export interface OpenedReceiver {
  readonly receiver: Receiver;
  /** Undefined where all of the topic is read, as a member of the group. */
  readonly selection: SelectedPart | undefined;
  /** Undefined where it goes on for ever. */
  readonly ends: Ends | undefined;
  readonly jumps: Jumps;
}

/** A member of the group, or a reader of the part of the topic that the command line asks for. */
export async function openReceiver(options: OpenReceiverOptions): Promise<OpenedReceiver> {
  const { values, config, kafka, admin, isBounded, flush, signal, logger, monitor } = options;
  const { topic } = values;
  const { read, group: groupSettings, fromBeginning, ...settings } = config;
  const { groupId } = groupSettings;
  const client = await openTopicClient(kafka, topic, read);
  const jumps = createJumps({ topic, logger, monitor });
  const outage = createOutageLog(logger, `records of ${topic} come again`);
  const reading = { client, jumps, signal, logger, monitor };

  if (isSelection(values)) {
    const selection = await untilLed(() => selectPart(client, values, fromBeginning), outage, signal);
    const ends = isBounded ? createEnds(selection.starts, selection.ends) : undefined;
    const receiver = createPartReceiver({ ...reading, ...selection, ends, outage });
    return { receiver, selection, ends, jumps };
  }
  const group = createGroupClient(client, groupSettings);
  if (values['from-beginning'] === true) {
    await untilLed(() => rewind(client, group, groupId), outage, signal);
  }
  const ends = isBounded
    ? await untilLed(() => findEnds(client, admin, groupId, fromBeginning), outage, signal)
    : undefined;
  const receiver = createReceiver({
    ...reading,
    ...settings,
    ends,
    group,
    groupId,
    sessionTimeoutMs: groupSettings.sessionTimeoutMs,
    fromBeginning,
    flush,
    outages: {
      group: createOutageLog(logger, `a member of group ${groupId} again`),
      records: outage,
      commits: createOutageLog(logger, 'offsets are committed again'),
    },
  });
  monitor.followLag(createLagReader(client, admin, groupId, fromBeginning));
  return { receiver, selection: undefined, ends, jumps };
}
