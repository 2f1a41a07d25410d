import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  assign,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './assignment.ts';

const topics = ['a', 'b', 'c'];
const member = fc.record({
  memberId: fc.uuid(),
  topics: fc.subarray(topics, { minLength: 1 }),
});
const group = fc.uniqueArray(member, { minLength: 1, maxLength: 6, selector: ({ memberId }) => memberId });
const counts = fc.tuple(fc.nat(7), fc.nat(7), fc.nat(7));

describe('the partitions of a topic', () => {
  test('go to those who subscribe to it, each to one, and evenly', () => {
    fc.assert(
      fc.property(group, counts, (members, partitionCounts) => {
        const partitions = new Map(
          topics.map((topic, index) => [
            topic,
            Array.from({ length: partitionCounts[index]! }, (_, one) => one),
          ]),
        );
        const shares = assign(members, partitions);
        expect([...shares.keys()].toSorted()).toEqual(members.map(({ memberId }) => memberId).toSorted());
        for (const topic of topics) {
          const readers = members.filter((one) => one.topics.includes(topic));
          const all = [...shares.values()].map((share) => share.partitions.get(topic) ?? []);
          expect(all.flat().toSorted((one, other) => one - other)).toEqual(
            readers.length === 0 ? [] : partitions.get(topic),
          );
          const own = readers.map(({ memberId }) => shares.get(memberId)!.partitions.get(topic)?.length ?? 0);
          expect(Math.max(0, ...own) - Math.min(Number.MAX_VALUE, ...own)).toBeLessThanOrEqual(1);
        }
        for (const { memberId, topics: wanted } of members) {
          expect(wanted).toEqual(expect.arrayContaining([...shares.get(memberId)!.partitions.keys()]));
        }
      }),
    );
  });
});

test('what members exchange is read as it was written', () => {
  const share = { partitions: new Map([['ü', [0, 5, 70_000]]]), groupTopics: ['a.b', 'ü'] };
  expect(decodeAssignment(encodeAssignment(share))).toEqual(share);
  expect(decodeSubscription(encodeSubscription(['ü', 'b']))).toEqual(['ü', 'b']);
});

test('a member that came too late for a share has none', () => {
  expect(decodeAssignment(Buffer.alloc(0))).toEqual({ partitions: new Map(), groupTopics: [] });
});
