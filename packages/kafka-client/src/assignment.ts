import { byteReader } from './byte-reader.ts';

/*
 * The two structures that members of a group exchange through its coordinator, of Kafka's consumer protocol, version 0:
 * https://cwiki.apache.org/confluence/display/KAFKA/A+Guide+To+The+Kafka+Protocol#AGuideToTheKafkaProtocol-GroupMembershipAPI
 *
 *     subscription   version 2 | topics: count 4, name | user data: length 4, bytes
 *     assignment     version 2 | topics: count 4, name, partitions: count 4, partition 4 | user data: length 4, bytes
 */

/** What kafkajs calls its own, whose members this one may meet in a group. */
export const protocolName = 'RoundRobinAssigner';

/** A member of a group, and what it wants to read. */
export interface Member {
  readonly memberId: string;
  readonly topics: readonly string[];
}

/** What a member reads, by topic, and which topics the whole group reads; none where the leader is another program. */
export interface Assignment {
  readonly partitions: ReadonlyMap<string, readonly number[]>;
  readonly groupTopics: readonly string[];
}

/**
 * Shares out the partitions of each topic among those who subscribe to it, in turn: a member gets none of a topic for which it did not
 * ask, and every partition of a topic for which somebody asked goes to one who did.
 *
 * @param partitions how many there are, by topic; a topic that is not there has none
 */
export function assign(
  members: readonly Member[],
  partitions: ReadonlyMap<string, readonly number[]>,
): Map<string, Assignment> {
  const sorted = members.toSorted((one, other) => (one.memberId < other.memberId ? -1 : 1));
  const groupTopics = [...new Set(sorted.flatMap(({ topics }) => topics))].toSorted();
  const shares = new Map(sorted.map(({ memberId }) => [memberId, new Map<string, number[]>()]));
  for (const topic of groupTopics) {
    const readers = sorted.filter(({ topics }) => topics.includes(topic));
    for (const [index, partition] of (partitions.get(topic) ?? []).entries()) {
      const share = shares.get(readers[index % readers.length]!.memberId)!;
      share.set(topic, [...(share.get(topic) ?? []), partition]);
    }
  }
  return new Map([...shares].map(([memberId, share]) => [memberId, { partitions: share, groupTopics }]));
}

export function encodeSubscription(topics: readonly string[]): Buffer {
  return Buffer.concat([int16(0), int32(topics.length), ...topics.map(string), int32(0)]);
}

/** @throws MalformedError */
export function decodeSubscription(bytes: Buffer): string[] {
  const reader = byteReader(bytes);
  reader.int16();
  return reader.array(() => reader.string() ?? '');
}

/** The topics of the group are in the user data, which other programs pass over. */
export function encodeAssignment({ partitions, groupTopics }: Assignment): Buffer {
  const userData = Buffer.from(groupTopics.join(','));
  return Buffer.concat([
    int16(0),
    int32(partitions.size),
    ...[...partitions].flatMap(([topic, own]) => [string(topic), int32(own.length), ...own.map(int32)]),
    int32(userData.length),
    userData,
  ]);
}

/** @throws MalformedError */
export function decodeAssignment(bytes: Buffer): Assignment {
  // A member that came too late for the leader's share has none.
  if (bytes.length === 0) {
    return { partitions: new Map(), groupTopics: [] };
  }
  const reader = byteReader(bytes);
  reader.int16();
  const partitions = new Map(
    reader.array(() => [reader.string() ?? '', reader.array(() => reader.int32())] as const),
  );
  const userData = reader.left >= 4 ? reader.bytes(Math.max(0, reader.int32())).toString() : '';
  return { partitions, groupTopics: userData === '' ? [] : userData.split(',') };
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([int16(bytes.length), bytes]);
}
