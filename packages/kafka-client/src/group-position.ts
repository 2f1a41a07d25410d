import type { Jump, ReadPosition } from './fetcher.ts';
import type { Bounds } from './topic-client.ts';

/** What a group has committed for a partition. */
export interface CommittedOffset {
  readonly offset: bigint;
  /** The text beside it, which is whatever its writer wanted; here, what `commitMetadata` makes. */
  readonly metadata: string;
}

/** What stands beside a committed offset: the topic that it belongs to, and the leader's epoch of the record before it. */
export function commitMetadata(topicId: string | undefined, epoch: number): string {
  return topicId === undefined ? '' : `topic=${topicId} epoch=${epoch}`;
}

function readMetadata(metadata: string): { topicId: string | undefined; epoch: number } {
  const [, topicId, epoch] = /^topic=([\w-]+) epoch=(-?\d+)$/.exec(metadata) ?? [];
  return { topicId, epoch: Number(epoch ?? -1) };
}

/** Where a group goes on in a partition, and how far that is from what it has committed. */
export interface GroupPosition extends ReadPosition {
  /** Where that is not what it has committed: why. */
  readonly jump: Omit<Jump, 'partition'> | undefined;
}

/**
 * Where a group goes on. "Nothing committed" and "out of range" are two cases: only for the first does `fromBeginning` count. Otherwise it
 * goes on with the first record that there is, so that none is passed over that has not been read.
 *
 * @param topicId of the topic as it is now
 * @param fromBeginning where a group that has committed nothing begins: true for the beginning, false for the end
 */
export function groupPosition(
  committed: CommittedOffset | undefined,
  { low, high, highWatermark }: Bounds,
  topicId: string | undefined,
  fromBeginning: boolean,
): GroupPosition {
  if (committed === undefined) {
    return { offset: fromBeginning ? low : high, epoch: -1, jump: undefined };
  }
  const { offset: from, metadata } = committed;
  const of = readMetadata(metadata);
  const restart = (cause: Jump['cause']): GroupPosition => ({
    offset: low,
    epoch: -1,
    jump: { from, to: low, cause, high },
  });
  if (of.topicId !== undefined && topicId !== undefined && of.topicId !== topicId) {
    return restart('recreated');
  }
  if (from < low) {
    return restart('removed');
  }
  return from > highWatermark ? restart('lost') : { offset: from, epoch: of.epoch, jump: undefined };
}
