import { randomUUID } from 'node:crypto';
import type { ImageAttributes, ReceivedRecord } from '@image-stream/codec';
import { KafkaConfigError, offsetsAt, untilServed } from '@image-stream/kafka-config';
import { counted, UsageError } from '@image-stream/program';
import type { Logger } from '@image-stream/program';
import type { Admin, KafkaJSDeleteGroupsError } from 'kafkajs';
import type { ConsumerOptions } from '../options.ts';

/** Which part of a topic to take. */
export interface Selection {
  isSelected(record: ReceivedRecord): boolean;
  isWanted(image: ImageAttributes): boolean;
}

/** A selection with a group of its own, so that the groups of others are left alone. */
export interface SelectedPart extends Selection {
  readonly groupId: string;
  /** Where each partition ends; undefined where the selection has no end. */
  readonly ends: ReadonlyMap<number, bigint> | undefined;
  /** Removes the group, once nobody is in it. Where that fails, it expires on the broker, and a warning says so. */
  close(logger: Pick<Logger, 'warn'>): Promise<void>;
}

/** The options that ask for a part of a topic. */
export type TopicPart = Partial<Pick<ConsumerOptions, 'customer' | 'since' | 'until' | 'partition'>>;
type Wanted = TopicPart & Partial<Pick<ConsumerOptions, 'group-id' | 'from-beginning'>>;

/** True where a command line asks for a part of the topic. */
export function isSelection({ customer, since, until, partition }: TopicPart): boolean {
  return [customer, since, until, partition].some((value) => value !== undefined);
}

/** @throws UsageError for options that contradict a selection */
export function assertSelection(wanted: Wanted): void {
  const { since, until } = wanted;
  if (!isSelection(wanted)) {
    return;
  }
  if (wanted['group-id'] !== undefined || wanted['from-beginning'] === true) {
    const name = wanted['group-id'] === undefined ? '--from-beginning' : '--group-id';
    throw new UsageError(
      `${name} does not go with --customer, --since, --until or --partition: a selection has a group of its own`,
    );
  }
  if (since !== undefined && until !== undefined && since >= until) {
    throw new UsageError(`--since ${since.toISOString()} must be before --until ${until.toISOString()}`);
  }
}

/** @throws KafkaConfigError `REFUSED` for a partition that the topic does not have */
export function assertPartitions(
  topic: string,
  wanted: readonly number[] | undefined,
  existing: { readonly size: number; has(partition: number): boolean },
): void {
  const absent = wanted?.find((partition) => !existing.has(partition));
  if (absent !== undefined) {
    const has = counted(existing.size, 'partition');
    throw new KafkaConfigError('REFUSED', `topic '${topic}' has ${has}, and no ${absent}`);
  }
}

/**
 * Finds where the selection begins and ends, by the timestamps that the brokers index, and lets a group of its own
 * begin there.
 *
 * @param purpose shows in the name of the group
 * @throws KafkaConfigError `REFUSED` for a partition that the topic does not have
 */
export async function selectPart(
  admin: Admin,
  topic: string,
  wanted: TopicPart,
  fromBeginning: boolean,
  purpose: 'selection' | 'verify' = 'selection',
): Promise<SelectedPart> {
  const { customer, since, until, partition: partitions } = wanted;
  const offsets = await untilServed(() => admin.fetchTopicOffsets(topic));
  assertPartitions(topic, partitions, new Set(offsets.map(({ partition }) => partition)));
  const starts = since && (await offsetsAt(admin, topic, since));
  const stops = until && (await offsetsAt(admin, topic, until));
  const groupId = `image-stream-${purpose}-${randomUUID()}`;
  const begin = offsets.map(({ partition, low, high }) => {
    const isChosen = partitions?.includes(partition) ?? true;
    const first = starts?.get(partition) ?? (fromBeginning ? low : high);
    return { partition, offset: isChosen ? String(first) : high };
  });
  // A new group begins at the beginning by itself, and to set its offsets takes the client five seconds.
  if (!fromBeginning || since !== undefined || partitions !== undefined) {
    await admin.setOffsets({ groupId, topic, partitions: begin });
  }
  const ends =
    stops && new Map(offsets.map(({ partition, high }) => [partition, stops.get(partition) ?? BigInt(high)]));
  return {
    groupId,
    ends,
    isSelected({ partition, timestamp }) {
      const time = Number(timestamp);
      return (
        (partitions?.includes(partition) ?? true) &&
        (since === undefined || time >= since.getTime()) &&
        (until === undefined || time < until.getTime())
      );
    },
    isWanted: ({ customerId }) => customer === undefined || customerId === customer,
    async close(logger) {
      await admin.deleteGroups([groupId]).catch((error: Error & Partial<KafkaJSDeleteGroupsError>) => {
        const { message } = error.groups?.[0]?.error ?? error;
        logger.warn(`group ${groupId} was not removed: ${message}`);
      });
    },
  };
}
