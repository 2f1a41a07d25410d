import type { ImageAttributes, ReceivedRecord } from '@image-stream/codec';
import { assertLed } from '@image-stream/kafka-client';
import { KafkaConfigError } from '@image-stream/kafka-config';
import type { TopicClient, TopicState } from '@image-stream/kafka-client';
import { counted, UsageError } from '@image-stream/program';
import type { ConsumerOptions } from '../options.ts';

/** Which part of a topic to take. */
export interface Selection {
  isSelected(record: ReceivedRecord): boolean;
  isWanted(image: ImageAttributes): boolean;
}

/** A selection, and where it is in the topic as it is now. */
export interface SelectedPart extends Selection {
  /** The topic that the offsets belong to. */
  readonly state: TopicState;
  /** Where to begin, by partition; those that were not chosen are left out. */
  readonly starts: ReadonlyMap<number, bigint>;
  /** Where each of them ends: at `--until`, else where it ends now. */
  readonly ends: ReadonlyMap<number, bigint>;
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
      `${name} cannot be combined with --customer, --since, --until or --partition: a selection reads without a group`,
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
 * Finds where the selection begins and ends, by the timestamps that the brokers index.
 *
 * @param fromBeginning where it begins without `--since`: true for the beginning, false for the end
 * @throws KafkaConfigError `REFUSED` for a partition that the topic does not have
 * @throws BrokerError `LEADER_NOT_AVAILABLE` where nobody knows the ends of a partition
 */
export async function selectPart(
  client: Pick<TopicClient, 'topic' | 'describe' | 'bounds' | 'offsetsAt'>,
  wanted: TopicPart,
  fromBeginning: boolean,
): Promise<SelectedPart> {
  const { customer, since, until, partition: partitions } = wanted;
  const state = await client.describe();
  assertPartitions(client.topic, partitions, state.leaders);
  const chosen = [...state.leaders.keys()].filter((partition) => partitions?.includes(partition) ?? true);
  const bounds = await client.bounds(chosen);
  assertLed(client.topic, chosen, bounds);
  const sinceOffsets = since && (await client.offsetsAt(since, chosen));
  const untilOffsets = until && (await client.offsetsAt(until, chosen));
  const at = (partition: number, offsets: ReadonlyMap<number, bigint> | undefined, other: bigint): bigint =>
    offsets?.get(partition) ?? other;
  return {
    state,
    starts: new Map(
      [...bounds].map(([partition, { low, high }]) => [
        partition,
        at(partition, sinceOffsets, fromBeginning ? low : high),
      ]),
    ),
    ends: new Map([...bounds].map(([partition, { high }]) => [partition, at(partition, untilOffsets, high)])),
    isSelected({ timestamp }) {
      const time = Number(timestamp);
      return (
        (since === undefined || time >= since.getTime()) && (until === undefined || time < until.getTime())
      );
    },
    isWanted: ({ customerId }) => customer === undefined || customerId === customer,
  };
}
