import { setTimeout as sleep } from 'node:timers/promises';
import { untilServed } from '@image-stream/kafka-config';
import type { Logger } from '@image-stream/program';
import type { Consumer, ConsumerConfig, EachBatchPayload } from 'kafkajs';
import type { Monitor } from '../monitor/monitor.ts';
import { createChannel } from './channel.ts';
import type { Delivery } from './delivery.ts';
import type { Ends } from './ends.ts';
import type { Gaps } from './gaps.ts';
import { createOffsetTracker } from './offsets.ts';
import type { OffsetTracker } from './offsets.ts';

/** The records of a topic for one member of a group. */
export interface Receiver extends AsyncIterable<Delivery> {
  /** Ends the iteration; records that were not handed out come the next time. */
  stop(): void;
  /** Commits what is done and leaves the group. @returns when the last commit was confirmed, as of `performance.now()` */
  close(): Promise<number | undefined>;
}

export interface ReceiverOptions {
  readonly consumer: Consumer;
  readonly topic: string;
  readonly config: Required<Pick<ConsumerConfig, 'heartbeatInterval' | 'sessionTimeout'>>;
  /** Where a group that has committed nothing begins. */
  readonly fromBeginning: boolean;
  /** How long to collect offsets before they are committed; 0 commits as soon as something is done. */
  readonly commitDelayMs: number;
  readonly gaps: Gaps;
  /** Where to end the iteration; undefined goes on for ever. */
  readonly ends: Ends | undefined;
  /** Stops it. */
  readonly signal: AbortSignal;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  readonly monitor: Pick<Monitor, 'assigned' | 'unassigned'>;
}

const commitRetryMs = 1000;

/** How often to look whether what is in work is done. */
const drainPollMs = 20;

/** How often to ask how far the other members of the group are. */
const endsIntervalMs = 1000;

/**
 * Joins the group and hands out records one at a time: the next batch is fetched when the last
 * record of this one was taken, so that whoever iterates bounds the memory.
 *
 * kafkajs commits nothing here. Offsets are committed when `done` was said of every record before
 * them, and belong to one generation of the group: after a rebalance, a late `done` for a
 * partition that may be another member's by now moves nothing. The record then comes again and is
 * found on disk. When the group wants to rebalance during a batch, what is in work is finished and committed first.
 */
export async function createReceiver(options: ReceiverOptions): Promise<Receiver> {
  const { consumer, config, topic, fromBeginning, commitDelayMs, gaps, ends, signal, logger, monitor } =
    options;
  const channel = createChannel<Delivery>();
  let tracker = createOffsetTracker();
  let committing = Promise.resolve();
  let gapsChecked = Promise.resolve();
  let commitTimer: NodeJS.Timeout | undefined;
  let lastCommit: number | undefined;

  const { events } = consumer;
  for (const event of [events.REBALANCING, events.GROUP_JOIN] as const) {
    consumer.on(event, () => {
      tracker = createOffsetTracker();
    });
  }
  consumer.on(events.REBALANCING, () => monitor.unassigned('the group is sharing out its partitions again'));
  consumer.on(events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
    const partitions = memberAssignment[topic] ?? [];
    monitor.assigned(partitions);
    gapsChecked = skipGaps(partitions, tracker);
  });
  // A batch that holds nothing but the marks of transactions is not given to `handOut`.
  consumer.on(events.END_BATCH_PROCESS, ({ payload: { partition, lastOffset, batchSize } }) => {
    if (batchSize === 0) {
      tracker.reached(partition, BigInt(lastOffset) + 1n);
      reachEnd(partition, BigInt(lastOffset) + 1n);
      moved(tracker);
    }
  });
  // Not the promise of `commitOffsets`: it also resolves when nothing was sent.
  consumer.on(events.COMMIT_OFFSETS, ({ payload }) => {
    lastCommit = performance.now();
    for (const { partition, offset } of payload.topics.flatMap(({ partitions }) => partitions)) {
      tracker.committed({ partition, offset: BigInt(offset) });
    }
  });
  consumer.on(events.CRASH, ({ payload: { error, restart } }) => {
    monitor.unassigned(`the connection to Kafka was lost: ${error.message}`);
    if (restart) {
      logger.warn(`the connection to Kafka was lost, joining again: ${error.message}`);
    } else {
      channel.close(error);
    }
  });

  signal.addEventListener('abort', () => channel.close(), { once: true });
  if (signal.aborted) {
    channel.close();
  }
  const endsTimer = ends && setInterval(() => ends.refresh().then(stopAtEnds, () => {}), endsIntervalMs);
  stopAtEnds();

  await consumer.connect();
  await untilServed(() => consumer.subscribe({ topic, fromBeginning }));
  await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: handOut });

  /** What was removed counts as read, once that was said. */
  async function skipGaps(partitions: readonly number[], generation: OffsetTracker): Promise<void> {
    try {
      for (const { partition, from, to } of await gaps.checkAssigned(partitions)) {
        generation.committed({ partition, offset: from });
        generation.reached(partition, to);
      }
      moved(generation);
    } catch (error) {
      const reason = (error as Error).message;
      logger.warn(`it is not known whether records were removed before they were read: ${reason}`);
    }
  }

  async function handOut({ batch, ...member }: EachBatchPayload): Promise<void> {
    const { partition } = batch;
    const generation = tracker;
    const expected = generation.next(partition);
    const first = BigInt(batch.firstOffset() ?? 0);
    if (expected !== undefined && first > expected) {
      await gaps.checkJump({ partition, offset: expected }, first);
    }
    for (const message of batch.messages) {
      const offset = BigInt(message.offset);
      // After a failed heartbeat, kafkajs hands the same batch out again.
      if (!generation.begin(partition, offset)) {
        continue;
      }
      const taken = channel.push({
        record: { topic, partition, ...message },
        ...waiting(generation, partition, offset),
      });
      if (!(await whileBeating(taken, () => beatOrDrain(member, generation)))) {
        member.pause();
        return;
      }
      if (generation !== tracker) {
        return;
      }
      reachEnd(partition, offset + 1n);
    }
    // Only now: what was not handed out must be fetched again. The batch may end in records that never are.
    member.resolveOffset(batch.lastOffset());
    generation.reached(partition, BigInt(batch.lastOffset()) + 1n);
    reachEnd(partition, BigInt(batch.lastOffset()) + 1n);
    moved(generation);
  }

  /** Apart from `handOut`, whose batch would stay in memory until the last of its records is done. */
  function waiting(
    generation: OffsetTracker,
    partition: number,
    offset: bigint,
  ): Pick<Delivery, 'done' | 'isCurrent'> {
    return {
      done: () => {
        generation.done(partition, offset);
        moved(generation);
      },
      isCurrent: () => generation === tracker,
    };
  }

  /** What was handed out up to the end is finished by whoever iterates, and committed by `close`. */
  function reachEnd(partition: number, offset: bigint): void {
    ends?.reach({ partition, offset });
    stopAtEnds();
  }

  /** A heartbeat that fails says that the group wants to rebalance. */
  async function beatOrDrain(
    member: Pick<EachBatchPayload, 'heartbeat'>,
    generation: OffsetTracker,
  ): Promise<void> {
    try {
      await member.heartbeat();
    } catch (error) {
      await drain(generation);
      throw error;
    }
  }

  /** Waits for what is in work, but not until the group takes this member for dead, and commits it. */
  async function drain(generation: OffsetTracker): Promise<void> {
    const deadline = performance.now() + config.sessionTimeout / 2;
    // One has been handed out that nobody has taken.
    while (generation.inWork() > 1 && performance.now() < deadline) {
      await sleep(drainPollMs);
    }
    await commit();
  }

  /** Waits, and stays a member of the group meanwhile. */
  async function whileBeating(taken: Promise<boolean>, heartbeat: () => Promise<void>): Promise<boolean> {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const beat = new Promise<undefined>((resolve) => {
        timer = setTimeout(resolve, config.heartbeatInterval, undefined);
      });
      const result = await Promise.race([taken, beat]);
      clearTimeout(timer);
      if (result !== undefined) {
        return result;
      }
      await heartbeat();
    }
  }

  function stopAtEnds(): void {
    if (ends?.isReached() === true) {
      channel.close();
    }
  }

  function moved(generation: OffsetTracker): void {
    if (generation !== tracker) {
      return;
    }
    scheduleCommit(commitDelayMs);
  }

  function scheduleCommit(delayMs: number): void {
    commitTimer ??= setTimeout(() => {
      committing = commit().then((confirmed) => {
        commitTimer = undefined;
        if (tracker.uncommitted().length > 0) {
          scheduleCommit(confirmed ? commitDelayMs : commitRetryMs);
        }
      });
    }, delayMs);
  }

  /** @returns whether the broker took the offsets */
  async function commit(): Promise<boolean> {
    // A commit moves the group past the records that are missing, and nobody would hear of them.
    await gapsChecked;
    const offsets = tracker
      .uncommitted()
      .map(({ partition, offset }) => ({ topic, partition, offset: String(offset) }));
    try {
      await (offsets.length > 0 && consumer.commitOffsets(offsets));
      return true;
    } catch (error) {
      logger.debug({ error }, 'offsets were not committed');
      return false;
    }
  }

  return {
    [Symbol.asyncIterator]: () => channel[Symbol.asyncIterator](),
    stop: () => channel.close(),
    async close() {
      channel.close();
      clearInterval(endsTimer);
      clearTimeout(commitTimer);
      commitTimer = undefined;
      await committing;
      await commit();
      clearTimeout(commitTimer);
      if (tracker.uncommitted().length > 0) {
        logger.warn('the last offsets were not committed; those images will come again and be found on disk');
      }
      await consumer.disconnect();
      return lastCommit;
    },
  };
}
