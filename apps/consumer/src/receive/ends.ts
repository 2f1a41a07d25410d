import {
  assertLed,
  commitMetadata,
  committedOffsets,
  groupPlaces,
  isRebalance,
} from '@image-stream/kafka-client';
import { KafkaConfigError, reasonOf, untilServed } from '@image-stream/kafka-config';
import type { CommittedOffset, GroupClient, TopicClient } from '@image-stream/kafka-client';
import type { Admin } from 'kafkajs';
import type { Position } from './offsets.ts';

/** The ends of a topic's partitions at one moment, and which of them have not been reached yet. */
export interface Ends {
  /** How many records there were before the ends. */
  readonly records: number;
  /** Notes how far a partition is done. */
  reach(position: Position): void;
  /** Notes that a partition ends at `high` by now, where that is earlier. */
  shorten(partition: number, high: bigint): void;
  /** Asks the broker how far the other members of the group are. */
  refresh(): Promise<void>;
  isReached(): boolean;
}

/** What else decides whether the ends are reached; by default, there are no others and nothing else to do. */
export interface EndsOptions {
  /** What others have committed by now. */
  readonly committed?: () => Promise<ReadonlyMap<number, bigint>>;
  /** Partitions that are not reached before somebody was there, even if there is nothing to read. */
  readonly toVisit?: ReadonlySet<number>;
}

/** Ends that reading from `starts` on is to reach. */
export function createEnds(
  starts: ReadonlyMap<number, bigint>,
  ends: ReadonlyMap<number, bigint>,
  { committed = async () => new Map(), toVisit = new Set() }: EndsOptions = {},
): Ends {
  const remaining = new Map<number, bigint>();
  let records = 0;
  for (const [partition, end] of ends) {
    const start = starts.get(partition) ?? end;
    if (start < end || toVisit.has(partition)) {
      remaining.set(partition, end);
      records += Math.max(0, Number(end - start));
    }
  }
  const reach = ({ partition, offset }: Position): void => {
    const end = remaining.get(partition);
    if (end !== undefined && offset >= end) {
      remaining.delete(partition);
    }
  };
  return {
    records,
    reach,
    shorten(partition, high) {
      const end = remaining.get(partition);
      if (end !== undefined && high < end) {
        remaining.set(partition, high);
      }
    },
    async refresh() {
      for (const [partition, offset] of await committed()) {
        reach({ partition, offset });
      }
    },
    isReached: () => remaining.size === 0,
  };
}

/**
 * The ends as of now. Partitions that the group has read to the end, or that hold nothing for it, count as reached.
 *
 * @param client says by its isolation level what can be read
 * @param fromBeginning where a group that has committed nothing begins
 * @throws BrokerError `LEADER_NOT_AVAILABLE` where nobody knows the end of some partition
 */
export async function findEnds(
  client: Pick<TopicClient, 'topic' | 'describe' | 'bounds'>,
  admin: Admin,
  groupId: string,
  fromBeginning: boolean,
): Promise<Ends> {
  const { leaders } = await client.describe();
  const places = await groupPlaces(client, admin, groupId, fromBeginning);
  assertLed(client.topic, [...leaders.keys()], places);
  const starts = new Map([...places].map(([partition, { offset }]) => [partition, offset]));
  const ends = new Map([...places].map(([partition, { high }]) => [partition, high]));
  // A group that begins at the end has to commit that, and a jump is to be told, even if nothing follows it.
  const toVisit = [...places].filter(
    ([, { committed, jump }]) => jump !== undefined || (committed === undefined && !fromBeginning),
  );
  const isSame = (one: CommittedOffset, other: CommittedOffset | undefined): boolean =>
    one.offset === other?.offset && one.metadata === other.metadata;
  const committed = async (): Promise<ReadonlyMap<number, bigint>> => {
    const now = await committedOffsets(admin, client.topic, groupId);
    // What has not changed says nothing of the partition as it is: it may be beyond its end.
    const moved = [...now].filter(([partition, one]) => !isSame(one, places.get(partition)?.committed));
    return new Map(moved.map(([partition, { offset }]) => [partition, offset]));
  };
  return createEnds(starts, ends, { committed, toVisit: new Set(toVisit.map(([partition]) => partition)) });
}

/**
 * Sets a group back to the beginning of a topic.
 *
 * @throws KafkaConfigError `REFUSED` while the group has members: they would not notice
 * @throws BrokerError `LEADER_NOT_AVAILABLE` where nobody knows the beginning of some partition
 */
export async function rewind(
  client: Pick<TopicClient, 'topic' | 'describe' | 'bounds'>,
  group: Pick<GroupClient, 'commit'>,
  groupId: string,
): Promise<void> {
  const { id, leaders } = await client.describe();
  const bounds = await client.bounds([...leaders.keys()]);
  assertLed(client.topic, [...leaders.keys()], bounds);
  const metadata = commitMetadata(id, -1);
  const offsets = [...bounds].map(([partition, { low }]) => ({ partition, offset: low, metadata }));
  try {
    await untilServed(() => group.commit(outside, offsets));
  } catch (error) {
    const problem = isRebalance(error) ? 'it has members that read' : reasonOf(error);
    const message = `group '${groupId}' cannot be set back to the beginning: ${problem}; stop its consumers first, or choose another --group-id`;
    throw new KafkaConfigError('REFUSED', message, { cause: error });
  }
}

/** Somebody who is no member: a group without members takes offsets from anybody. */
const outside = { generationId: -1, memberId: '' };
