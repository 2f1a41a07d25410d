import { committedOffsets, KafkaConfigError, untilServed } from '@image-stream/kafka-config';
import type { Admin } from 'kafkajs';
import type { Position } from './offsets.ts';

/** The ends of a topic's partitions at one moment, and which of them a group has not reached yet. */
export interface Ends {
  /** How many records there were before the ends. */
  readonly records: number;
  /** Notes how far a partition is done. */
  reach(position: Position): void;
  /** Asks the broker how far the other members of the group are. */
  refresh(): Promise<void>;
  isReached(): boolean;
}

/**
 * The ends as of now. Partitions that the group has read to the end, or that hold nothing for it,
 * count as reached.
 *
 * @param fromBeginning where a group that has committed nothing begins
 * @param earlier ends by partition, for a part of the topic. Default: those of the partitions
 */
export async function findEnds(
  admin: Admin,
  topic: string,
  groupId: string,
  fromBeginning: boolean,
  earlier?: ReadonlyMap<number, bigint>,
): Promise<Ends> {
  const committed = await committedOffsets(admin, topic, groupId);
  const remaining = new Map<number, bigint>();
  let records = 0;
  for (const { partition, low, high } of await untilServed(() => admin.fetchTopicOffsets(topic))) {
    const position = committed.get(partition) ?? BigInt(fromBeginning ? low : high);
    // Retention may have removed what the group would have read next.
    const start = position > BigInt(low) ? position : BigInt(low);
    const end = earlier?.get(partition) ?? BigInt(high);
    if (start < end) {
      remaining.set(partition, end);
      records += Number(end - start);
    }
  }
  const ends: Ends = {
    records,
    reach({ partition, offset }) {
      const end = remaining.get(partition);
      if (end !== undefined && offset >= end) {
        remaining.delete(partition);
      }
    },
    async refresh() {
      for (const [partition, offset] of await committedOffsets(admin, topic, groupId)) {
        ends.reach({ partition, offset });
      }
    },
    isReached: () => remaining.size === 0,
  };
  return ends;
}

/**
 * Sets a group back to the beginning of a topic.
 *
 * @throws KafkaConfigError `REFUSED` while the group has members: they would not notice
 */
export async function rewind(admin: Admin, topic: string, groupId: string): Promise<void> {
  try {
    await untilServed(() => admin.resetOffsets({ groupId, topic, earliest: true }));
  } catch (error) {
    const advice = 'stop its other consumers first, or choose another --group-id';
    const message = `group '${groupId}' cannot be set back to the beginning: ${(error as Error).message}; ${advice}`;
    throw new KafkaConfigError('REFUSED', message, { cause: error });
  }
}
