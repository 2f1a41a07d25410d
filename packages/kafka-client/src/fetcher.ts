import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRetriable } from './retriable.ts';
import { unlessAborted } from './unless-aborted.ts';
import { reasonOf } from '@image-stream/kafka-config';
import type { FetchedRecord } from './record-batch.ts';
import type { Fetched, TopicClient, TopicState } from './topic-client.ts';

/** Where a partition is read on. */
export interface ReadPosition {
  /** Of the next record. */
  readonly offset: bigint;
  /** The leader's epoch under which the record before it was written; -1 where that is not known. */
  readonly epoch: number;
}

/** A position that did not move record by record. */
export interface Jump {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
  /**
   * `removed`: retention, or a user, has removed the records before `to`. `lost`: an election has lost the last records of the
   * partition, and new ones may have their offsets. `recreated`: the topic was deleted and created anew.
   */
  readonly cause: 'removed' | 'lost' | 'recreated';
  /** The offset after the last record that can be read now. */
  readonly high: bigint;
}

/** What `fetchRecords` needs. */
export interface FetchOptions {
  readonly client: TopicClient;
  /** As `client.describe` gave it, and what the positions belong to. */
  readonly topic: TopicState;
  /** The partitions to read, and where to begin. */
  readonly positions: ReadonlyMap<number, ReadPosition>;
  /**
   * Takes the records of one partition, and where it goes on. The next fetch may be on its way meanwhile, but the one after it is not
   * made before this resolves.
   */
  readonly take: (partition: number, records: readonly FetchedRecord[], next: ReadPosition) => Promise<void>;
  /** Told before a partition is read on from somewhere else. */
  readonly jumped: (jump: Jump) => void;
  /** Told, before any jump, when the topic is another one, or has other partitions than before. */
  readonly changed: (topic: TopicState) => void;
  /** Told every second why nothing comes from some partition, and once that it does again: undefined. */
  readonly stalled: (reason: string | undefined) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** How often to ask whether the topic is still the same, and who leads its partitions. */
const describeMs = 3000;

/** Between two requests for a partition that fails. */
const pauseMs = 250;

/** How long a partition may fail before that is worth a word: leaders move, and brokers restart. */
const graceMs = 5000;

/** For how long a follower is asked before the leader is, whether it is still the right one. */
const followerMs = 300_000;

/** How long a follower may take to answer before its leader is asked instead, and for how long that is so. */
const [followerAnswerMs, leaderInsteadMs] = [3000, 60_000];

const stallCheckMs = 1000;

/** The node of a partition without a leader. */
const nobody = -1;

interface PartitionState extends ReadPosition {
  /** Of the topic that the position belongs to. */
  topicId: string | undefined;
  /** The leader's epoch under which the position was last found in the log; -1 for none. */
  checkedEpoch: number;
  /** A broker that is nearer than the leader, and until when to ask it, as of `performance.now()`; undefined for none. */
  follower: { readonly node: number; readonly until: number } | undefined;
  /** Until when no follower is asked. */
  leaderOnlyUntil: number;
  /** Since when nothing comes though something should, and why. */
  failing: { readonly since: number; reason: string } | undefined;
}

/**
 * Reads partitions until `signal` is aborted, whatever happens to the brokers: it follows leaders, goes on after errors, and notices
 * where records were removed or lost, and where the topic is another one of the same name.
 *
 * @throws where it is no use to try again: a broker refuses for good, or this program has a bug
 */
export async function fetchRecords(options: FetchOptions): Promise<void> {
  const { client, take, jumped, changed, stalled } = options;
  const closing = new AbortController();
  const { signal } = closing;
  // One for each broker that is waited for.
  setMaxListeners(0, signal);
  options.signal.addEventListener('abort', () => closing.abort(), { once: true, signal });
  if (options.signal.aborted) {
    closing.abort();
  }
  const states = new Map<number, PartitionState>();
  for (const [partition, position] of options.positions) {
    states.set(partition, {
      ...position,
      topicId: options.topic.id,
      checkedEpoch: -1,
      follower: undefined,
      leaderOnlyUntil: 0,
      failing: undefined,
    });
  }
  /** By node, since when a request is on its way. */
  const asking = new Map<number, number>();
  /** Nodes whose records wait to be taken. */
  const taking = new Set<number>();
  const loops = new Map<number, Promise<void>>();
  let { topic } = options;
  let isStalled = false;
  let failure: { readonly error: unknown } | undefined;
  const alarm = createAlarm(signal);

  const stallTimer = setInterval(tellStall, stallCheckMs);
  try {
    await attempt([...states.keys()], checkEpochs);
    while (!signal.aborted) {
      startLoops();
      await alarm.wait(describeMs);
      await attempt([...states.keys()], refresh);
      await attempt([...states.keys()], checkEpochs);
    }
  } finally {
    clearInterval(stallTimer);
    closing.abort();
    await Promise.all(loops.values());
  }
  if (failure !== undefined) {
    throw failure.error;
  }

  /** One loop a broker, which ends when it has no partition to read any more. */
  function startLoops(): void {
    for (const partition of states.keys()) {
      const node = nodeOf(partition);
      if (node !== undefined && !loops.has(node) && !signal.aborted) {
        const loop = readFrom(node)
          .catch(fail)
          .finally(() => loops.delete(node));
        loops.set(node, loop);
      }
    }
  }

  /** The next request is on its way while the records of the one before it are taken. */
  async function readFrom(node: number): Promise<void> {
    let fetching = fetchOnce(node);
    while (!signal.aborted) {
      const answer = await fetching;
      // What was asked for before a jump is not wanted any more.
      const brought = answer.filter(({ partition, offset }) => states.get(partition)?.offset === offset);
      const isEmpty = brought.every(({ offset, next }) => next === offset);
      for (const fetched of brought) {
        await advance(node, fetched, isEmpty);
      }
      if (partitionsOf(node).length === 0) {
        break;
      }
      fetching = fetchOnce(node);
      taking.add(node);
      for (const { partition, offset, records, next, leaderEpoch } of brought) {
        // Unless there was a jump while others were taken.
        if (next > offset && states.get(partition)!.offset === next && !signal.aborted) {
          await take(partition, records, { offset: next, epoch: leaderEpoch });
        }
      }
      taking.delete(node);
    }
  }

  /** Nothing where the broker does not answer. */
  async function fetchOnce(node: number): Promise<readonly Fetched[]> {
    const partitions = partitionsOf(node);
    const wanted = partitions.map((partition) => ({
      partition,
      offset: states.get(partition)!.offset,
      leaderEpoch: topic.leaders.get(partition)!.epoch,
    }));
    const useRack = partitions.every(
      (partition) => states.get(partition)!.leaderOnlyUntil < performance.now(),
    );
    const isFollower = partitions.some((partition) => states.get(partition)!.follower?.node === node);
    asking.set(node, performance.now());
    const answer = await attempt(partitions, async () => {
      const fetching = answered(client.fetch(node, wanted, { useRack }));
      return isFollower ? within(followerAnswerMs, fetching) : fetching;
    });
    asking.delete(node);
    if (answer === undefined) {
      partitions.filter((partition) => states.get(partition)!.follower?.node === node).forEach(leaveFollower);
      lookAgain();
      await pause(pauseMs, signal);
    }
    return answer ?? [];
  }

  /**
   * Moves a partition on to after what was fetched, or does what its error asks for.
   *
   * @param isEmpty whether no partition had anything in that fetch; otherwise there may have been no room
   */
  async function advance(node: number, fetched: Fetched, isEmpty: boolean): Promise<void> {
    const { partition, offset, error, next, leaderEpoch, high, preferredReplica } = fetched;
    const state = states.get(partition)!;
    if (preferredReplica !== undefined && preferredReplica !== node) {
      state.follower = { node: preferredReplica, until: performance.now() + followerMs };
      startLoops();
    }
    if (error === undefined) {
      if (next > offset) {
        Object.assign(state, { offset: next, epoch: leaderEpoch === -1 ? state.epoch : leaderEpoch });
      } else if (isEmpty && high > offset) {
        note(partition, `nothing comes from offset ${offset} on, though records go on to ${high}`);
        return;
      }
      state.failing = undefined;
      return;
    }
    if (!error.retriable) {
      throw error;
    }
    if (state.follower?.node === node) {
      leaveFollower(partition);
    } else if (error.type === 'OFFSET_OUT_OF_RANGE') {
      await attempt([partition], () => findBounds(partition, offset));
    } else {
      note(partition, error.message);
    }
    lookAgain();
    await pause(pauseMs, signal);
  }

  /** Reads from whom it is known to, and asks whether that has changed. */
  function lookAgain(): void {
    startLoops();
    alarm.ring();
  }

  /** Goes on where the partition begins now, unless the position is within its bounds after all. */
  async function findBounds(partition: number, from: bigint): Promise<void> {
    await refresh();
    if (states.get(partition)!.offset !== from) {
      // It is another topic.
      return;
    }
    const bounds = (await answered(client.bounds([partition]))).get(partition);
    if (bounds === undefined) {
      // Nobody leads it for now.
      return;
    }
    const { low, high, highWatermark } = bounds;
    if (from < low) {
      jump({ partition, from, to: low, cause: 'removed', high });
    } else if (from > highWatermark) {
      // How much was lost is not known. What is read again is found where it was saved.
      jump({ partition, from, to: low, cause: 'lost', high });
    }
  }

  function jump(to: Jump): void {
    Object.assign(states.get(to.partition)!, { offset: to.to, epoch: -1, failing: undefined });
    jumped(to);
  }

  async function refresh(): Promise<void> {
    const before = topic;
    topic = await answered(client.describe());
    if (topic.id !== before.id || topic.leaders.size !== before.leaders.size) {
      changed(topic);
    }
    // Of a topic that was created anew, also later, once they have a leader.
    const strangers = [...states].filter(([, { topicId }]) => topicId !== topic.id);
    if (strangers.length > 0) {
      for (const [partition, { low, high }] of await answered(client.bounds(strangers.map(([one]) => one)))) {
        const state = states.get(partition)!;
        state.topicId = topic.id;
        jump({ partition, from: state.offset, to: low, cause: 'recreated', high });
      }
    }
  }

  /** Under a new leader, a position that was read under an older one may be past what that leader has. */
  async function checkEpochs(): Promise<void> {
    for (const [partition, state] of states) {
      const { epoch: leaderEpoch = -1, node = -1 } = topic.leaders.get(partition) ?? {};
      if (node === nobody || leaderEpoch === state.checkedEpoch || state.topicId !== topic.id) {
        continue;
      }
      const { offset: from, epoch } = state;
      const end =
        epoch === -1 || epoch === leaderEpoch
          ? undefined
          : await answered(client.endOfEpoch(partition, epoch));
      if (end !== undefined && end < from) {
        const bounds = (await answered(client.bounds([partition]))).get(partition);
        jump({ partition, from, to: end, cause: 'lost', high: bounds?.high ?? end });
      }
      state.checkedEpoch = leaderEpoch;
    }
  }

  /** Where to read a partition; undefined where nobody has it, or its position is still to be checked. */
  function nodeOf(partition: number): number | undefined {
    const leader = topic.leaders.get(partition);
    const state = states.get(partition)!;
    if (leader === undefined || leader.node === nobody) {
      note(partition, leader === undefined ? 'the topic has it no more' : 'it has no leader');
      return undefined;
    }
    if (leader.epoch !== state.checkedEpoch || state.topicId !== topic.id) {
      return undefined;
    }
    const { node, until = 0 } = state.follower ?? {};
    return node !== undefined && until > performance.now() ? node : leader.node;
  }

  function partitionsOf(node: number): number[] {
    return [...states.keys()].filter((partition) => nodeOf(partition) === node);
  }

  function leaveFollower(partition: number): void {
    Object.assign(states.get(partition)!, {
      follower: undefined,
      leaderOnlyUntil: performance.now() + leaderInsteadMs,
    });
  }

  /** What a broker answers. @throws when that is not wanted any more, however long it would take */
  async function answered<T>(request: Promise<T>): Promise<T> {
    const answer = await unlessAborted(signal, request);
    signal.throwIfAborted();
    return answer as T;
  }

  /** Runs what may fail for a while. @returns undefined where it did, or where it is not wanted any more */
  async function attempt<T>(partitions: readonly number[], run: () => Promise<T>): Promise<T | undefined> {
    try {
      return await run();
    } catch (error) {
      if (signal.aborted) {
        return undefined;
      }
      if (!isRetriable(error)) {
        fail(error);
      }
      partitions.forEach((partition) => note(partition, reasonOf(error)));
      return undefined;
    }
  }

  function fail(error: unknown): void {
    failure ??= { error };
    closing.abort();
  }

  function note(partition: number, reason: string): void {
    const state = states.get(partition)!;
    state.failing = { since: state.failing?.since ?? performance.now(), reason };
  }

  function tellStall(): void {
    const now = performance.now();
    for (const [node, since] of asking) {
      // A broker has `maxWaitMs` to answer that there is nothing; one that says nothing at all is not well.
      if (now - since > 2 * graceMs) {
        partitionsOf(node).forEach((partition) =>
          note(partition, `no answer from ${client.addressOf(node)}`),
        );
      }
    }
    const stuck = [...states].find(([partition, { failing }]) => {
      // While records wait to be taken, nobody asks for more.
      const isWanted = !taking.has(nodeOf(partition) ?? nobody);
      return failing !== undefined && now - failing.since > graceMs && isWanted;
    });
    if (stuck !== undefined) {
      const [partition, { offset, failing }] = stuck;
      stalled(`nothing comes from ${client.topic}[${partition}] at offset ${offset}: ${failing!.reason}`);
    } else if (isStalled) {
      stalled(undefined);
    }
    isStalled = stuck !== undefined;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

/** A pause that can be ended. */
function createAlarm(signal: AbortSignal): { ring(): void; wait(ms: number): Promise<void> } {
  let isRinging = false;
  let wake = (): void => {};
  const ring = (): void => {
    isRinging = true;
    wake();
  };
  signal.addEventListener('abort', ring, { once: true });
  return {
    ring,
    async wait(ms) {
      if (!isRinging) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      isRinging = false;
    },
  };
}

/** The result, unless it takes too long; then it is dropped when it comes. */
async function within<T>(ms: number, result: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(reject, ms, new Error(`no answer within ${ms / 1000} s`));
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
    result.catch(() => {});
  }
}
