import type { TopicRecord } from '@image-stream/kafka-client';
import { expect, onTestFinished, test, vi } from 'vitest';
import { follow } from './feed.ts';
import type { FeedOptions } from './feed.ts';

test('begins with the newest records, which are no news', async () => {
  const { taken, problems } = await followed(3, { backlog: 2, come: 1 });
  expect(taken).toEqual([
    ['1', false],
    ['2', false],
    ['3', true],
  ]);
  expect(problems).toEqual([]);
});

test('says what keeps it from reading, and goes on', async () => {
  const { taken, told } = await followed(1, { backlog: 10, come: 0, failures: 1 });
  expect(told.slice(0, 4)).toEqual(['asks', 'problem', 'asks', 'answered']);
  expect(taken).toEqual([['0', false]]);
});

test('ends with a bug instead of meeting it again and again', async () => {
  const bug = new TypeError('nobody thought of this');
  const following = followed(1, { backlog: 10, come: 0, failures: 1, failure: bug });
  await expect(following).rejects.toBe(bug);
});

test('passes over what it is too far behind of, and says how much', async () => {
  let now = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
  onTestFinished(() => clock.mockRestore());
  const ended = new AbortController();
  const asked: bigint[] = [];
  const passedOver: number[] = [];
  await follow({
    reader: {
      id: () => undefined,
      offsets: async () => new Map([[0, bounds(now === 0 ? 0n : 5000n)]]),
      async fetch(from) {
        asked.push(from.get(0)!);
        if (now > 0) {
          ended.abort();
        }
        now += 10_000;
        return { records: [], next: from };
      },
    },
    backlog: 10,
    listener: {
      async record() {},
      readsFrom() {},
      madeAnew() {},
      passedOver: (records) => void passedOver.push(records),
      asks() {},
      answered() {},
      problem() {},
    },
    signal: ended.signal,
  });
  expect([asked, passedOver]).toEqual([[0n, 4990n], [4990]]);
});

/** Follows a partition of so many records until those that come after the start were read. */
async function followed(
  before: number,
  {
    backlog,
    come,
    failures = 0,
    failure = new Error('no broker'),
  }: { backlog: number; come: number; failures?: number; failure?: Error },
) {
  const taken: (readonly [offset: string, isNews: boolean])[] = [];
  const problems: unknown[] = [];
  const told: string[] = [];
  const ended = new AbortController();
  const log = Array.from({ length: before + come }, (_, offset): TopicRecord => ({
    topic: 't',
    partition: 0,
    offset: String(offset),
    timestamp: '1764000000000',
    key: null,
    value: null,
    headers: {},
  }));
  let toFail = failures;
  const reader: FeedOptions['reader'] = {
    id: () => undefined,
    offsets: async () => new Map([[0, bounds(BigInt(before))]]),
    async fetch(from) {
      if (toFail > 0) {
        toFail -= 1;
        throw failure;
      }
      if (from.get(0) === BigInt(log.length)) {
        ended.abort();
      }
      return { records: log.slice(Number(from.get(0))), next: new Map([[0, BigInt(log.length)]]) };
    },
  };
  await follow({
    reader,
    backlog,
    listener: {
      record: async ({ offset }, isNews) => void taken.push([offset, isNews]),
      passedOver() {},
      readsFrom() {},
      madeAnew() {},
      asks: () => void told.push('asks'),
      answered: () => void told.push('answered'),
      problem(error) {
        told.push('problem');
        problems.push(error);
      },
    },
    signal: ended.signal,
  });
  return { taken, problems, told };
}

function bounds(high: bigint) {
  return { low: 0n, high, highWatermark: high };
}
