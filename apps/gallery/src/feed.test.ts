import { encodeImage } from '@image-stream/codec';
import { describeRecord } from '@image-stream/image-io';
import type { TopicRecord } from '@image-stream/kafka-config';
import { expect, onTestFinished, test, vi } from 'vitest';
import { follow } from './feed.ts';
import type { FeedOptions } from './feed.ts';
import type { Item } from './messages.ts';

test('begins with the newest records, which are no traffic', async () => {
  // As in a process that has just started.
  const clock = vi.spyOn(performance, 'now').mockReturnValue(1);
  onTestFinished(() => clock.mockRestore());
  const log = [...(await image('a')), ...(await image('b')), ...(await image('c'))];
  const { items, traffic, problems } = await followed(log, { backlog: 2, comes: await image('d') });
  expect(items.map(({ id }) => id)).toEqual(['b', 'c', 'd']);
  expect(traffic).toEqual([true]);
  expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
});

test('tells of an image in chunks once for each chunk, always as the same item', async () => {
  const chunkRecords = await image('a', 3000);
  expect(chunkRecords.length).toBeGreaterThan(1);
  const { items, traffic } = await followed([], { backlog: 10, comes: chunkRecords });
  expect(items.map(({ offset, chunks }) => [offset, chunks?.have])).toEqual(
    chunkRecords.map((_, index) => ['0', index + 1]),
  );
  expect(traffic).toEqual(chunkRecords.map((_, index) => index === chunkRecords.length - 1));
});

test('says what keeps it from reading, and goes on', async () => {
  const { items, problems } = await followed(await image('a'), { backlog: 10, comes: [], failures: 1 });
  expect(problems.slice(0, 2)).toEqual([new Error('no broker'), undefined]);
  expect(items.map(({ id }) => id)).toEqual(['a']);
});

test('ends with a bug instead of meeting it again and again', async () => {
  const bug = new TypeError('nobody thought of this');
  const following = followed(await image('a'), { backlog: 10, comes: [], failures: 1, failure: bug });
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
    topic: 'images',
    reader: {
      offsets: async () => new Map([[0, bounds(now === 0 ? 0n : 1000n)]]),
      async fetch(from) {
        asked.push(from.get(0)!);
        if (now > 0) {
          ended.abort();
        }
        now += 10_000;
        return { records: [], next: from };
      },
    },
    describe: (record) => describeRecord(record),
    backlog: 10,
    listener: {
      item() {},
      traffic() {},
      passedOver: (records) => void passedOver.push(records),
      problem() {},
    },
    signal: ended.signal,
  });
  expect([asked, passedOver]).toEqual([[0n, 990n], [990]]);
});

/** Follows one partition until `comes` was read, which is sent after the start. */
async function followed(
  before: readonly TopicRecord[],
  {
    backlog,
    comes,
    failures = 0,
    failure = new Error('no broker'),
  }: { backlog: number; comes: readonly TopicRecord[]; failures?: number; failure?: Error },
) {
  const items: Item[] = [];
  const traffic: boolean[] = [];
  const problems: unknown[] = [];
  const ended = new AbortController();
  const log = [...before, ...comes].map((record, index) => ({ ...record, offset: String(index) }));
  let toFail = failures;
  const reader: FeedOptions['reader'] = {
    offsets: async () => new Map([[0, bounds(BigInt(before.length))]]),
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
    topic: 'images',
    reader,
    describe: (record) => describeRecord(record),
    backlog,
    listener: {
      item: (item) => void items.push(item),
      traffic: (_bytes, isImage) => void traffic.push(isImage),
      passedOver() {},
      problem: (error) => void problems.push(error),
    },
    signal: ended.signal,
  });
  return { items, traffic, problems };
}

async function image(id: string, maxRecordBytes = 1_000_000): Promise<TopicRecord[]> {
  const data = new Uint8Array(64 * 64).map((_, index) => (index * index) % 251);
  const content = { shape: [64, 64], dtype: 'uint8', data } as const;
  const records: TopicRecord[] = [];
  const createdAt = new Date('2026-11-24T08:00:00Z');
  const options = { compression: 'none', maxRecordBytes } as const;
  for await (const { key, value, headers } of encodeImage(
    { id, customerId: 'c', createdAt, content },
    options,
  )) {
    records.push({
      topic: 't',
      partition: 0,
      offset: '0',
      timestamp: '1764000000000',
      key: Buffer.from(key),
      value,
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
    });
  }
  return records;
}

function bounds(high: bigint) {
  return { low: 0n, high, highWatermark: high };
}
