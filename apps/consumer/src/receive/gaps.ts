import { committedOffsets, untilServed } from '@image-stream/kafka-config';
import { counted } from '@image-stream/program';
import type { Logger } from '@image-stream/program';
import type { Admin } from 'kafkajs';
import type { Monitor } from '../monitor/monitor.ts';
import type { Position } from './offsets.ts';

/** Offsets of a partition, without `to`, whose records were removed before they were read. */
interface Gap {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
}

/** Notices records that retention removed before they were read: the client itself goes on without a word. */
export interface Gaps {
  /** How many records were removed. */
  readonly removed: number;
  /** Compares where the group is to go on in these partitions with where they begin now. */
  checkAssigned(partitions: readonly number[]): Promise<Gap[]>;
  /** Looks into a jump from the offset that was expected to the one that came. */
  checkJump(expected: Position, came: bigint): Promise<void>;
}

export interface GapsOptions {
  readonly admin: Admin;
  readonly topic: string;
  readonly groupId: string;
  readonly logger: Pick<Logger, 'error'>;
  readonly monitor: Pick<Monitor, 'removed'>;
}

export function createGaps({ admin, topic, groupId, logger, monitor }: GapsOptions): Gaps {
  let removed = 0;
  /** Up to where each partition's gaps have been reported. */
  const reported = new Map<number, bigint>();

  function report(partition: number, from: bigint, to: bigint): void {
    const start = [from, reported.get(partition) ?? 0n].reduce((a, b) => (a > b ? a : b));
    if (to <= start) {
      return;
    }
    reported.set(partition, to);
    removed += Number(to - start);
    monitor.removed(Number(to - start));
    logger.error(
      `${counted(Number(to - start), 'record')} of ${topic}[${partition}], from offset ${start} to ${to - 1n}, ${to - start === 1n ? 'was' : 'were'} removed before being ` +
        'read; keep records for longer (retention.ms, retention.bytes), or read them sooner',
    );
  }

  async function lows(): Promise<Map<number, bigint>> {
    const offsets = await untilServed(() => admin.fetchTopicOffsets(topic));
    return new Map(offsets.map(({ partition, low }) => [partition, BigInt(low)]));
  }

  return {
    get removed() {
      return removed;
    },
    async checkAssigned(partitions) {
      const begins = await lows();
      const positions = await committedOffsets(admin, topic, groupId);
      const gaps = [...positions]
        .map(([partition, from]) => ({ partition, from, to: begins.get(partition) ?? 0n }))
        .filter(({ partition, from, to }) => partitions.includes(partition) && from < to);
      for (const { partition, from, to } of gaps) {
        report(partition, from, to);
      }
      return gaps;
    },
    async checkJump({ partition, offset }, came) {
      // Compacted records and the marks of transactions leave gaps too, but then the partition begins before them.
      if (((await lows()).get(partition) ?? 0n) > offset) {
        report(partition, offset, came);
      }
    },
  };
}
