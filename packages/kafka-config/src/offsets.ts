import type { Admin } from 'kafkajs';
import { untilServed } from './cluster.ts';

/**
 * By partition, the first offset whose record is as young as `time`; the end where there is none.
 *
 * @throws what kafkajs throws, such as for a topic that does not exist
 */
export async function offsetsAt(admin: Admin, topic: string, time: Date): Promise<Map<number, bigint>> {
  const found = await admin.fetchTopicOffsetsByTimestamp(topic, time.getTime());
  return new Map(found.map(({ partition, offset }) => [partition, BigInt(offset)]));
}

/**
 * What a group has committed, by partition; without those where it is nothing, which the broker shows as -1.
 *
 * @throws what kafkajs throws, such as for a group that this user may not see; as `untilServed` after ten seconds
 */
export async function committedOffsets(
  admin: Admin,
  topic: string,
  groupId: string,
): Promise<Map<number, bigint>> {
  const [answer] = await untilServed(() => admin.fetchOffsets({ groupId, topics: [topic] }));
  const positions = (answer?.partitions ?? []).map((one) => [one.partition, BigInt(one.offset)] as const);
  return new Map(positions.filter(([, offset]) => offset >= 0n));
}

/** By partition, how many records of it a group has not committed. */
export type Lag = ReadonlyMap<number, number>;

/**
 * A function that asks the brokers for the lag of a group in all partitions of a topic: what they hold up to
 * now, without what the group has committed.
 *
 * @param fromBeginning where a group that has committed nothing begins: true for the beginning, false for the end
 * @returns a function that throws as `committedOffsets`
 */
export function createLagReader(
  admin: Admin,
  topic: string,
  groupId: string,
  fromBeginning: boolean,
): () => Promise<Lag> {
  // Remembered, because the end of a partition moves on while a group that began there has committed nothing yet.
  const starts = new Map<number, bigint>();

  return async () => {
    // Before the ends, which then are never behind it.
    const committed = await committedOffsets(admin, topic, groupId);
    const lag = new Map<number, number>();
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      const start = starts.get(partition) ?? BigInt(fromBeginning ? low : high);
      starts.set(partition, start);
      lag.set(partition, Number(BigInt(high) - (committed.get(partition) ?? start)));
    }
    return lag;
  };
}
