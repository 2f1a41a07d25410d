import type { Admin } from 'kafkajs';
import { untilServed } from '@image-stream/kafka-config';
import { groupPosition } from './group-position.ts';
import type { CommittedOffset, GroupPosition } from './group-position.ts';
import type { TopicClient } from './topic-client.ts';

/**
 * What a group has committed, by partition; without those where it is nothing, which the broker shows as -1.
 *
 * @throws what kafkajs throws, such as for a group that this user may not see; as `untilServed` after ten seconds
 */
export async function committedOffsets(
  admin: Admin,
  topic: string,
  groupId: string,
): Promise<Map<number, CommittedOffset>> {
  const [answer] = await untilServed(() => admin.fetchOffsets({ groupId, topics: [topic] }));
  return new Map(
    (answer?.partitions ?? [])
      .map(({ partition, offset, metadata }) => {
        return [partition, { offset: BigInt(offset), metadata: metadata ?? '' }] as const;
      })
      .filter(([, { offset }]) => offset >= 0n),
  );
}

/** Where a group goes on in a partition, and where that ends. */
export interface PlaceInPartition extends GroupPosition {
  /** Undefined where the group has committed nothing. */
  readonly committed: CommittedOffset | undefined;
  /** The offset after the last record that it can read. */
  readonly high: bigint;
}

/**
 * Where a group goes on in all partitions of a topic that have a leader.
 *
 * @param client says by its isolation level what can be read
 * @param fromBeginning where a group that has committed nothing begins: true for the beginning, false for the end
 * @throws as `committedOffsets`
 */
export async function groupPlaces(
  client: Pick<TopicClient, 'topic' | 'describe' | 'bounds'>,
  admin: Admin,
  groupId: string,
  fromBeginning: boolean,
): Promise<Map<number, PlaceInPartition>> {
  // Before the ends, which then are never behind it.
  const committed = await committedOffsets(admin, client.topic, groupId);
  const { id, leaders } = await client.describe();
  const places = new Map<number, PlaceInPartition>();
  for (const [partition, bounds] of await client.bounds([...leaders.keys()])) {
    const own = committed.get(partition);
    const position = groupPosition(own, bounds, id, fromBeginning);
    places.set(partition, { ...position, committed: own, high: bounds.high });
  }
  return places;
}

/** By partition, how many records of it a group has still to read. */
export type Lag = ReadonlyMap<number, number>;

/**
 * A function that asks the brokers for the lag of a group: from where it would go on to the last record that it can read. Neither a
 * transaction that is open nor an offset beyond the end makes it negative.
 *
 * @returns a function that throws as `groupPlaces`, which takes the same parameters
 */
export function createLagReader(...parameters: Parameters<typeof groupPlaces>): () => Promise<Lag> {
  // Remembered, because the end of a partition moves on while a group that began there has committed nothing yet.
  const starts = new Map<number, bigint>();

  return async () => {
    const lag = new Map<number, number>();
    for (const [partition, { committed, offset, high }] of await groupPlaces(...parameters)) {
      const start = committed === undefined ? (starts.get(partition) ?? offset) : offset;
      starts.set(partition, start);
      lag.set(partition, Math.max(0, Number(high - start)));
    }
    return lag;
  };
}
