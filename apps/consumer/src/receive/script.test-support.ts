import { setTimeout as sleep } from 'node:timers/promises';
import { BrokerError } from '@image-stream/kafka-client';
import type {
  Bounds,
  CommittedOffset,
  Fetched,
  FetchPosition,
  Generation,
  GroupClient,
  OffsetToCommit,
  TopicClient,
} from '@image-stream/kafka-client';
import { onTestFinished } from 'vitest';

/** An answer of a coordinator that is none of the usual ones. */
export function groupError(
  type: 'REBALANCE_IN_PROGRESS' | 'ILLEGAL_GENERATION' | 'GROUP_AUTHORIZATION_FAILED',
) {
  return new BrokerError(type, type, type !== 'GROUP_AUTHORIZATION_FAILED');
}

/** A topic by script: partitions that are arrays of records. */
export function scriptedTopic(partitions: Record<number, string[]>, lows: Record<number, number> = {}) {
  const state = { id: 'topic-1', isAway: false };
  const boundsOf = (partition: number): Bounds => {
    const high = BigInt(partitions[partition]!.length);
    return { low: BigInt(lows[partition] ?? 0), high, highWatermark: high };
  };
  const read = ({ partition, offset }: FetchPosition): Fetched => {
    const { low, high } = boundsOf(partition);
    const isOutOfRange = offset < low || offset > high;
    return {
      partition,
      offset,
      error: isOutOfRange ? new BrokerError('OFFSET_OUT_OF_RANGE', 'out of range', true) : undefined,
      records: isOutOfRange
        ? []
        : partitions[partition]!.slice(Number(offset)).map((text, index) => ({
            ...{ offset: String(Number(offset) + index), timestamp: '0' },
            ...{ key: Buffer.from(text), value: null, headers: {} },
          })),
      next: isOutOfRange ? offset : high,
      leaderEpoch: 7,
      high,
      preferredReplica: undefined,
    };
  };
  const client: TopicClient = {
    topic: 'photos',
    async describe() {
      if (state.isAway) {
        throw new BrokerError('UNKNOWN_TOPIC_OR_PARTITION', 'topic photos: it does not exist', true);
      }
      return {
        id: state.id,
        leaders: new Map(Object.keys(partitions).map((one) => [Number(one), { node: 1, epoch: 7 }])),
      };
    },
    bounds: async (wanted) => new Map(wanted.map((partition) => [partition, boundsOf(partition)])),
    offsetsAt: async () => new Map(),
    async fetch(_node, positions) {
      await sleep(2);
      return positions.map(read);
    },
    endOfEpoch: async () => undefined,
    partitionsOf: async () => [],
    addressOf: (node) => `broker-${node}`,
    close: async () => {},
  };
  return { client, state, partitions };
}

/**
 * A group by script: what it has committed, and what its coordinator answers. Each generation gets the next of `shares`, the last one
 * goes on for ever.
 */
export function scriptedGroup(shares: number[][], committed: Record<number, CommittedOffset> = {}) {
  const log: string[] = [];
  /** What to answer the next heartbeats, or commits, instead of taking them. */
  const failures: Record<'join' | 'heartbeat' | 'commit', Error[]> = { join: [], heartbeat: [], commit: [] };
  /** Holds joins back until it is resolved. */
  const gate = { join: Promise.resolve() };
  let generationId = 0;
  const fail = (kind: keyof typeof failures): void => {
    const error = failures[kind].shift();
    if (error !== undefined) {
      log.push(`${kind} fails`);
      throw error;
    }
  };
  const group: GroupClient = {
    async join() {
      await gate.join;
      fail('join');
      generationId += 1;
      const partitions = shares[Math.min(generationId, shares.length) - 1]!;
      log.push(`join ${generationId}`);
      return {
        generationId,
        memberId: 'me',
        isLeader: false,
        partitions,
        partitionCount: undefined,
        groupTopics: ['photos'],
      } satisfies Generation;
    },
    async heartbeat() {
      fail('heartbeat');
    },
    async commit({ generationId: id }, offsets: readonly OffsetToCommit[]) {
      fail('commit');
      for (const { partition, offset, metadata } of offsets) {
        committed[partition] = { offset, metadata };
      }
      log.push(`commit ${id} ${offsets.map(({ partition, offset }) => `${partition}@${offset}`).join(' ')}`);
    },
    committed: async (partitions) =>
      new Map(partitions.flatMap((one) => (committed[one] ? [[one, committed[one]] as const] : []))),
    async leave() {
      log.push('leave');
    },
  };
  return { group, log, failures, gate, committed };
}

/** Resolves `take` when the test says so. */
export function createGate(): { promise: Promise<void>; open(): void } {
  let open = (): void => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  onTestFinished(() => open());
  return { promise, open };
}
