import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import { committedOffsets } from './ends.ts';

/** By partition, how many records of it a group has not committed. */
export type Lag = ReadonlyMap<number, number>;

const intervalMs = 5000;

/**
 * Asks for the lag now, and again every five seconds after an answer, until `signal` is aborted.
 *
 * @param tell is given nothing when there was no answer: no figure is better than one that is no longer true
 */
export async function followLag(
  read: () => Promise<Lag>,
  tell: (lag: Lag) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    tell(await read().catch(() => new Map()));
    await sleep(intervalMs, undefined, { signal, ref: false }).catch(() => {});
  }
}

/**
 * A function that asks the brokers for the lag of a group in all partitions of a topic: what they hold up to
 * now, without what the group has committed.
 *
 * @param fromBeginning where a group that has committed nothing begins
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
