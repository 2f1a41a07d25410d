import type { GroupSettings } from '@image-stream/kafka-config';
import { KafkaConfigError, rootCause } from '@image-stream/kafka-config';
import {
  assign,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  protocolName,
} from './assignment.ts';
import type { CommittedOffset } from './group-position.ts';
import type { Broker } from './kafkajs-parts.ts';
import type { ConnectedTopicClient } from './topic-client.ts';

/** Who a member is, in one generation of its group. */
export interface MemberId {
  readonly generationId: number;
  readonly memberId: string;
}

/** One member's part in one generation of a group. */
export interface Generation extends MemberId {
  /** Whether this member shares out the partitions. */
  readonly isLeader: boolean;
  /** Of the topic, those that are this member's. */
  readonly partitions: readonly number[];
  /** How many partitions of the topic were shared out, where this member did it. */
  readonly partitionCount: number | undefined;
  /** All topics that the members of the group read; none where the leader is another program. */
  readonly groupTopics: readonly string[];
}

/** An offset to commit. */
export interface OffsetToCommit extends CommittedOffset {
  readonly partition: number;
}

/** The requests of a member of a group: each is made once, and answered or failed by itself. */
export interface GroupClient {
  /** Joins, or joins again, and waits for this member's share. */
  join(): Promise<Generation>;
  /** Says that this member is alive. */
  heartbeat(generation: MemberId): Promise<void>;
  /** Commits offsets of the topic, all or none. */
  commit(generation: MemberId, offsets: readonly OffsetToCommit[]): Promise<void>;
  /** What the group has committed of these partitions, without those where it is nothing. */
  committed(partitions: readonly number[]): Promise<ReadonlyMap<number, CommittedOffset>>;
  /** Lets the others have this member's share at once. Does nothing for one that has not joined. */
  leave(): Promise<void>;
}

/** Why a member has to join again: the others wait for it, or the group has gone on without it. */
const rejoinErrors = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID']);

/** Whether a request failed because the group is sharing out its partitions again. */
export function isRebalance(error: unknown): boolean {
  return rejoinErrors.has(typeOf(error));
}

function typeOf(error: unknown): string {
  return (rootCause(error) as { type?: string }).type ?? '';
}

function sessionRefused(sessionTimeout: number, cause: unknown): KafkaConfigError {
  return new KafkaConfigError(
    'INVALID_PROPERTY',
    `session.timeout.ms=${sessionTimeout} is refused by the broker; it must be from group.min.session.timeout.ms to ` +
      'group.max.session.timeout.ms of the brokers, which are 6000 and 1800000 unless they are set there',
    { cause },
  );
}

/** A member of a group that reads the topic of `client`; it shares the connections of that. */
export function createGroupClient(client: ConnectedTopicClient, settings: GroupSettings): GroupClient {
  const { cluster, topic } = client;
  const { groupId, sessionTimeoutMs: sessionTimeout, rebalanceTimeoutMs: rebalanceTimeout } = settings;
  let coordinator: Broker | undefined;
  let memberId = '';

  async function ask<T>(request: (broker: Broker) => Promise<T>): Promise<T> {
    try {
      coordinator ??= await cluster.findGroupCoordinator({ groupId });
      return await request(coordinator);
    } catch (error) {
      if (!isRebalance(error)) {
        // It may have moved.
        coordinator = undefined;
      } else if (typeOf(error) === 'UNKNOWN_MEMBER_ID') {
        memberId = '';
      }
      throw error;
    }
  }

  /** The partitions of each topic that somebody wants. */
  async function partitionsOf(topics: ReadonlySet<string>): Promise<Map<string, readonly number[]>> {
    const found = new Map<string, readonly number[]>();
    for (const name of topics) {
      found.set(name, await client.partitionsOf(name));
    }
    return found;
  }

  return {
    async join() {
      const joined = await ask((broker) =>
        broker.joinGroup({
          groupId,
          sessionTimeout,
          rebalanceTimeout,
          memberId,
          groupProtocols: [{ name: protocolName, metadata: encodeSubscription([topic]) }],
        }),
      ).catch((error: unknown) => {
        throw typeOf(error) === 'INVALID_SESSION_TIMEOUT' ? sessionRefused(sessionTimeout, error) : error;
      });
      ({ memberId } = joined);
      const { generationId, leaderId } = joined;
      const isLeader = leaderId === memberId;
      const members = joined.members.map((one) => ({
        memberId: one.memberId,
        topics: decodeSubscription(one.memberMetadata),
      }));
      const existing = isLeader
        ? await partitionsOf(new Set(members.flatMap(({ topics }) => topics)))
        : undefined;
      const shares = existing === undefined ? [] : assign(members, existing);
      const groupAssignment = [...shares].map(([id, share]) => ({
        memberId: id,
        memberAssignment: encodeAssignment(share),
      }));
      const { memberAssignment } = await ask((broker) =>
        broker.syncGroup({ groupId, generationId, memberId, groupAssignment }),
      );
      const { partitions, groupTopics } = decodeAssignment(memberAssignment);
      return {
        generationId,
        memberId,
        isLeader,
        partitionCount: existing?.get(topic)?.length,
        partitions: partitions.get(topic) ?? [],
        groupTopics,
      };
    },
    async heartbeat(generation) {
      const { generationId: groupGenerationId, memberId: id } = generation;
      await ask((broker) => broker.heartbeat({ groupId, groupGenerationId, memberId: id }));
    },
    async commit(generation, offsets) {
      const { generationId: groupGenerationId, memberId: id } = generation;
      const partitions = offsets.map((one) => ({ ...one, offset: String(one.offset) }));
      await ask((broker) =>
        broker.offsetCommit({ groupId, groupGenerationId, memberId: id, topics: [{ topic, partitions }] }),
      );
    },
    async committed(partitions) {
      const wanted = partitions.map((partition) => ({ partition }));
      const { responses } = await ask((broker) =>
        broker.offsetFetch({ groupId, topics: [{ topic, partitions: wanted }] }),
      );
      return new Map(
        responses
          .flatMap((response) => response.partitions)
          .filter(({ offset }) => offset !== '-1')
          .map(({ partition, offset, metadata }) => [
            partition,
            { offset: BigInt(offset), metadata: metadata ?? '' },
          ]),
      );
    },
    async leave() {
      const leaving = memberId;
      memberId = '';
      await (leaving !== '' && ask((broker) => broker.leaveGroup({ groupId, memberId: leaving })));
    },
  };
}
