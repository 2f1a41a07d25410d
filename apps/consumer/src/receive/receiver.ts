import { setTimeout as sleep } from 'node:timers/promises';
import {
  commitMetadata,
  fetchRecords,
  groupPosition,
  isRebalance,
  isRetriable,
} from '@image-stream/kafka-client';
import { reasonOf } from '@image-stream/kafka-config';
import type {
  FetchedRecord,
  Generation,
  GroupClient,
  Jump,
  ReadPosition,
  TopicClient,
  TopicState,
} from '@image-stream/kafka-client';
import type { Logger, OutageLog } from '@image-stream/program';
import type { Monitor } from '../monitor/monitor.ts';
import { createChannel } from './channel.ts';
import type { Delivery } from './delivery.ts';
import type { Ends } from './ends.ts';
import type { Jumps } from './jumps.ts';
import { createOffsetTracker } from './offsets.ts';
import type { OffsetTracker } from './offsets.ts';

/** The records of a topic, or of a part of it. */
export interface Receiver extends AsyncIterable<Delivery> {
  /** Ends the iteration; records that were not handed out come the next time. */
  stop(): void;
  /** Commits what is done and leaves the group. @returns when the last commit was confirmed, as of `performance.now()` */
  close(): Promise<number | undefined>;
}

export interface ReceiverOptions {
  readonly client: TopicClient;
  readonly group: GroupClient;
  readonly groupId: string;
  /** Kafka's `heartbeat.interval.ms` and `session.timeout.ms`. */
  readonly heartbeatIntervalMs: number;
  readonly sessionTimeoutMs: number;
  /** Where a group that has committed nothing begins. */
  readonly fromBeginning: boolean;
  /** How long to collect offsets before they are committed; 0 commits when something is done, ten times a second at most. */
  readonly commitDelayMs: number;
  readonly jumps: Pick<Jumps, 'report'>;
  /** Where to end the iteration; undefined goes on for ever. */
  readonly ends: Ends | undefined;
  /** Makes durable what has been accepted; called before partitions are given away, and not waited for. */
  readonly flush: () => Promise<void>;
  /** Stops it. */
  readonly signal: AbortSignal;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  /** Told what keeps this member from its group, from records, and from committing. */
  readonly outages: Readonly<Record<'group' | 'records' | 'commits', OutageLog>>;
  readonly monitor: Pick<Monitor, 'assigned' | 'unassigned' | 'silent'>;
}

/** Between two attempts at what the brokers do not do for now. */
const retryMs = 1000;

/** The least time between two commits, however often something is done. */
const commitIntervalMs = 100;

/** How often to ask how far the other members of the group are. */
const endsIntervalMs = 1000;

/** How long to wait at the end for answers that nobody needs any more. */
const leaveMs = 5000;

/** What a member holds in one generation of its group. */
interface Share {
  readonly generation: Generation;
  readonly trackers: Map<number, OffsetTracker>;
  topic: TopicState;
  /** Partitions without a leader of which it was not known where they begin, and of which nothing has been read. */
  readonly unknown: Set<number>;
  /** Aborted when the share is another member's, or nobody's. */
  readonly ending: AbortController;
}

/**
 * A member of a group, which hands out the records of its partitions one at a time: the next ones are fetched when these
 * were taken, so that whoever iterates bounds the memory.
 *
 * Offsets are committed when `done` was said of every record before them, and belong to one generation of the group: after a
 * rebalance a late `done` moves nothing, since the partition may be another member's by now. The record then comes again and is
 * found on disk. When the group rebalances, what is in work is finished and committed first.
 */
export function createReceiver(options: ReceiverOptions): Receiver {
  const { client, group, jumps, ends, logger, outages, monitor } = options;
  const { topic } = client;
  const channel = createChannel<Delivery>();
  const stopping = new AbortController();
  const closing = new AbortController();
  let share: Share | undefined;
  let committing = Promise.resolve();
  let commitTimer: NodeJS.Timeout | undefined;
  let lastCommit: number | undefined;
  let nextCommit = 0;

  const endsTimer = ends && setInterval(() => void ends.refresh().then(stopAtEnds, () => {}), endsIntervalMs);
  options.signal.addEventListener('abort', stop, { once: true, signal: stopping.signal });
  if (options.signal.aborted) {
    stop();
  }
  stopAtEnds();
  const running = run().catch((error: unknown) => {
    stopping.abort();
    channel.close(error);
  });

  /** One generation of the group after the other. */
  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      monitor.unassigned('waiting for the group to share out its partitions');
      const generation = await untilAnswered('group', 'cannot join the group', stopping.signal, () =>
        group.join(),
      );
      if (generation !== undefined) {
        await takePart(generation);
      }
    }
  }

  async function takePart(generation: Generation): Promise<void> {
    const ending = new AbortController();
    const current: Share = { generation, trackers: new Map(), topic: noTopic, unknown: new Set(), ending };
    share = current;
    warnOfOthers(generation);
    const orEnd = (error: unknown): never => {
      ending.abort();
      throw error;
    };
    // What nobody has taken would keep the reading waiting, and the group with it.
    ending.signal.addEventListener('abort', () => channel.clear(), { once: true });
    await Promise.all([beat(current).catch(orEnd), read(current).catch(orEnd)]);
    await drain(current);
    monitor.unassigned('the group is sharing out its partitions again');
  }

  /** Keeps this member in its group, until that goes on without it. */
  async function beat({ generation, ending }: Share): Promise<void> {
    let lastBeat = performance.now();
    for (;;) {
      await pause(options.heartbeatIntervalMs, ending.signal);
      if (ending.signal.aborted) {
        return;
      }
      try {
        await group.heartbeat(generation);
        lastBeat = performance.now();
        outages.group.over();
      } catch (error) {
        if (!isRebalance(error) && !isRetriable(error)) {
          throw error;
        }
        if (isRebalance(error) || performance.now() - lastBeat > options.sessionTimeoutMs) {
          ending.abort();
        } else {
          outages.group.failed(`the group's coordinator does not answer: ${reasonOf(error)}`);
        }
      }
    }
  }

  /** Reads the share, from where the group is, until it ends. */
  async function read(current: Share): Promise<void> {
    const { generation, trackers, ending } = current;
    const reading = new AbortController();
    for (const { signal } of [ending, stopping]) {
      signal.addEventListener('abort', () => reading.abort(), { once: true, signal: reading.signal });
    }
    if (stopping.signal.aborted) {
      reading.abort();
    }
    const positions = await untilAnswered('records', `topic ${topic} cannot be read`, reading.signal, () =>
      findPositions(current),
    );
    if (positions === undefined) {
      return;
    }
    const partitionCount = current.topic.leaders.size;
    if (generation.isLeader && generation.partitionCount !== partitionCount) {
      ending.abort();
      return;
    }
    monitor.assigned([...positions.keys()]);
    logger.debug({ group: options.groupId, ...generation }, 'this member has its share of the group');
    scheduleCommit(options.commitDelayMs);
    await fetchRecords({
      client,
      topic: current.topic,
      positions,
      take: (partition, records, next) => handOut(current, partition, records, next),
      changed(state) {
        current.topic = state;
        if (state.leaders.size !== partitionCount) {
          void shareOutAgain(current);
        }
      },
      jumped(jump) {
        trackers.set(jump.partition, createOffsetTracker({ offset: jump.to, epoch: -1 }, undefined));
        jumped(current, jump);
      },
      stalled(reason) {
        monitor.silent(reason);
        if (reason === undefined) {
          outages.records.over();
        } else {
          outages.records.failed(reason);
        }
      },
      signal: reading.signal,
    });
    monitor.silent(undefined);
  }

  async function findPositions(current: Share): Promise<Map<number, ReadPosition>> {
    const { generation, trackers } = current;
    current.topic = await client.describe();
    const { id } = current.topic;
    const committed = await group.committed(generation.partitions);
    const bounds = await client.bounds(generation.partitions);
    const positions = new Map<number, ReadPosition>();
    for (const partition of generation.partitions) {
      const own = bounds.get(partition);
      const before = committed.get(partition);
      if (own === undefined && before === undefined) {
        current.unknown.add(partition);
      }
      const position =
        own === undefined
          ? { offset: before?.offset ?? 0n, epoch: -1, jump: undefined }
          : groupPosition(before, own, id, options.fromBeginning);
      const { jump } = position;
      const isCommitted = jump === undefined && (before !== undefined || options.fromBeginning);
      trackers.set(partition, createOffsetTracker(position, isCommitted ? position.offset : undefined));
      positions.set(partition, position);
      if (jump !== undefined) {
        jumped(current, { partition, ...jump });
      }
      reachEnd(partition, position.offset);
    }
    return positions;
  }

  function jumped({ unknown }: Share, jump: Jump): void {
    if (!unknown.delete(jump.partition)) {
      jumps.report(jump);
    }
    ends?.shorten(jump.partition, jump.high);
    reachEnd(jump.partition, jump.to);
    scheduleCommit(options.commitDelayMs);
  }

  async function handOut(
    current: Share,
    partition: number,
    records: readonly FetchedRecord[],
    next: ReadPosition,
  ): Promise<void> {
    const tracker = current.trackers.get(partition)!;
    current.unknown.delete(partition);
    const isCurrent = (): boolean => share === current && current.trackers.get(partition) === tracker;
    for (const record of records) {
      const offset = BigInt(record.offset);
      tracker.begin(offset, next.epoch);
      const done = (): void => {
        tracker.done(offset);
        scheduleCommit(options.commitDelayMs);
      };
      const topicId = current.topic.id;
      if (!(await channel.push({ record: { topic, partition, ...record }, topicId, done, isCurrent }))) {
        tracker.withdraw(offset);
        return;
      }
      if (!isCurrent()) {
        return;
      }
      reachEnd(partition, offset + 1n);
    }
    // What comes after the last record may be none: marks of transactions, and what was compacted away.
    tracker.reached(next.offset, next.epoch);
    reachEnd(partition, next.offset);
    scheduleCommit(options.commitDelayMs);
  }

  /** The leader notices it of its own topic; of a topic that it does not read, one who does has to tell it. */
  async function shareOutAgain({ generation, ending }: Share): Promise<void> {
    if (!generation.isLeader && generation.groupTopics.length > 1) {
      await group.leave().catch(() => {});
    }
    if (generation.isLeader || generation.groupTopics.length > 1) {
      ending.abort();
    }
  }

  function warnOfOthers({ groupTopics }: Generation): void {
    const others = groupTopics.filter((other) => other !== topic);
    if (others.length > 0) {
      logger.warn(
        `group '${options.groupId}' also reads ${others.join(', ')}: whenever a consumer of one of these topics comes or goes, all of ` +
          'them pause; give each topic a group of its own with --group-id',
      );
    }
  }

  /** Waits for what is in work, but not until the group takes this member for dead, and commits it. */
  async function drain(current: Share): Promise<void> {
    const inWork = (): number => [...current.trackers.values()].reduce((sum, one) => sum + one.inWork(), 0);
    const deadline = performance.now() + options.sessionTimeoutMs / 2;
    for (let round = 0; inWork() > 0 && performance.now() < deadline && !closing.signal.aborted; round++) {
      // What is accepted meanwhile is to be made durable together.
      if (round % 5 === 0) {
        void options.flush();
      }
      await pause(20, closing.signal);
    }
    await commit();
  }

  function reachEnd(partition: number, offset: bigint): void {
    ends?.reach({ partition, offset });
    stopAtEnds();
  }

  function stopAtEnds(): void {
    if (ends?.isReached() === true) {
      stop();
    }
  }

  /** What was handed out is finished by whoever iterates, and committed by `close`. */
  function stop(): void {
    stopping.abort();
    channel.close();
  }

  /** Each commit is two requests, which at hundreds of images a second would cost as much as the images. */
  function scheduleCommit(delayMs: number): void {
    const leftMs = nextCommit - performance.now();
    commitTimer ??= setTimeout(
      () => {
        nextCommit = performance.now() + commitIntervalMs;
        committing = commit().then((isConfirmed) => {
          commitTimer = undefined;
          if (!isConfirmed) {
            scheduleCommit(retryMs);
          } else if (uncommitted().length > 0) {
            scheduleCommit(options.commitDelayMs);
          }
        });
      },
      Math.max(delayMs, leftMs, 0),
    );
  }

  function uncommitted() {
    return [...(share?.trackers ?? [])].flatMap(([partition, tracker]) => {
      const position = tracker.uncommitted();
      return position === undefined ? [] : [{ partition, tracker, ...position }];
    });
  }

  /** @returns whether the broker took the offsets */
  async function commit(): Promise<boolean> {
    const positions = uncommitted();
    if (share === undefined || positions.length === 0) {
      return true;
    }
    const { generation, topic: state } = share;
    try {
      // Of a topic that has taken the place of this one, nothing has been read yet. That will be noticed; until then, nothing is committed.
      if (state.id !== undefined && (await client.describe()).id !== state.id) {
        return false;
      }
      await group.commit(
        generation,
        positions.map(({ partition, offset, epoch }) => ({
          partition,
          offset,
          metadata: commitMetadata(state.id, epoch),
        })),
      );
    } catch (error) {
      logger.debug({ error }, 'offsets were not committed');
      if (!isRebalance(error)) {
        outages.commits.failed(`offsets are not committed, and tried again: ${reasonOf(error)}`);
      }
      return false;
    }
    lastCommit = performance.now();
    outages.commits.over();
    for (const { tracker, offset } of positions) {
      tracker.committed(offset);
    }
    return true;
  }

  /** The answer, however long it takes; undefined where `signal` is aborted before. */
  async function untilAnswered<T>(
    kind: 'group' | 'records',
    problem: string,
    signal: AbortSignal,
    ask: () => Promise<T>,
  ): Promise<T | undefined> {
    while (!signal.aborted) {
      try {
        const answer = await ask();
        outages[kind].over();
        return answer;
      } catch (error) {
        if (isRebalance(error)) {
          continue;
        }
        if (!isRetriable(error)) {
          throw error;
        }
        monitor.unassigned(`${problem}: ${reasonOf(error)}`);
        outages[kind].failed(`${problem}: ${reasonOf(error)}`);
        await pause(retryMs, signal);
      }
    }
    return undefined;
  }

  return {
    [Symbol.asyncIterator]: () => channel[Symbol.asyncIterator](),
    stop,
    async close() {
      stop();
      clearInterval(endsTimer);
      clearTimeout(commitTimer);
      await committing;
      await commit();
      clearTimeout(commitTimer);
      if (uncommitted().length > 0) {
        logger.warn(
          'the last offsets were not committed; those images will be received again and found on disk',
        );
      }
      closing.abort();
      share?.ending.abort();
      // The group may keep a member that joins waiting for minutes.
      await Promise.race([running, pause(leaveMs, new AbortController().signal)]);
      await Promise.race([group.leave().catch(() => {}), pause(leaveMs, new AbortController().signal)]);
      await client.close();
      return lastCommit;
    },
  };
}

/** Before the topic was asked for. */
const noTopic: TopicState = { id: undefined, leaders: new Map() };

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
