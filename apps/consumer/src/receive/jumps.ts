import type { Jump } from '@image-stream/kafka-client';
import { counted } from '@image-stream/program';
import type { Logger } from '@image-stream/program';
import type { Monitor } from '../monitor/monitor.ts';

/** Says where reading does not go on record by record: the user has to hear of what is missing. */
export interface Jumps {
  /** How many records were removed before they were read. */
  readonly removed: number;
  report(jump: Jump): void;
}

export interface JumpsOptions {
  readonly topic: string;
  readonly logger: Pick<Logger, 'error' | 'warn'>;
  readonly monitor: Pick<Monitor, 'removed'>;
}

export function createJumps({ topic, logger, monitor }: JumpsOptions): Jumps {
  let removed = 0;
  /** Up to where each partition's removed records have been reported: before that is committed, they are met again. */
  const reported = new Map<number, bigint>();

  function reportRemoved(partition: number, from: bigint, to: bigint): void {
    const start = [from, reported.get(partition) ?? 0n].reduce((one, other) => (one > other ? one : other));
    if (to <= start) {
      return;
    }
    reported.set(partition, to);
    const records = Number(to - start);
    removed += records;
    monitor.removed(records);
    logger.error(
      `${counted(records, 'record')} of ${topic}[${partition}], from offset ${start} to ${to - 1n}, ` +
        `${records === 1 ? 'was' : 'were'} removed before being read; keep records for longer (retention.ms, ` +
        'retention.bytes), or read them sooner',
    );
  }

  return {
    get removed() {
      return removed;
    },
    report({ partition, from, to, cause }) {
      if (cause === 'removed') {
        reportRemoved(partition, from, to);
        return;
      }
      reported.delete(partition);
      if (cause === 'lost') {
        logger.error(
          `${topic}[${partition}] has lost its last records: the next one would have been at offset ${from}, and it is read on ` +
            `from ${to}. A broker that did not have all records became its leader (unclean.leader.election.enable), or its disk was lost`,
        );
      } else {
        logger.warn(
          `topic ${topic} was deleted and recreated: partition ${partition} is read from offset ${to}, not from ${from}`,
        );
      }
    },
  };
}
