import { setTimeout as sleep } from 'node:timers/promises';
import { encodeImage } from '@image-stream/codec';
import type { TopicRecord } from '@image-stream/kafka-client';
import { expect, test } from 'vitest';
import { createAllowance } from './allowance.ts';
import type { Item } from './messages.ts';
import { createThumbnails, thumbnailKey } from './thumbnails.ts';
import { createTiles } from './tiles.ts';

test('all that come in a burst are shown once they have their thumbnails', async () => {
  const { add, items, withThumbnail, came, skipped } = started();
  const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  for (const id of ids) {
    await add(...(await image(id)));
  }
  await expect.poll(() => items().map(({ id }) => id)).toEqual(ids);
  expect(withThumbnail()).toEqual(ids);
  expect([came(), skipped()]).toEqual([8, 0]);
});

test('a few are all shown, however long it takes', async () => {
  const { add, items, skipped } = started(400);
  const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const id of ids) {
    await add(...(await image(id)));
  }
  await expect.poll(() => items().map(({ id }) => id), { timeout: 10_000 }).toEqual(ids);
  expect(skipped()).toBe(0);
});

test('of more than there is time for, some are shown, evenly, and the others counted', async () => {
  const { add, items, came, skipped } = started(40);
  const [record] = await image('a');
  for (let round = 0; round < 60; round += 1) {
    for (let index = 0; index < 25; index += 1) {
      await add({ ...record!, offset: String(round * 25 + index) });
    }
    await sleep(50);
  }
  await expect.poll(() => items().length + skipped(), { timeout: 10_000 }).toBe(1500);
  expect(came()).toBe(1500);
  // After what was saved up for a burst is used up, and before the line ends.
  const later = items()
    .map(({ offset }) => Number(offset))
    .filter((offset) => offset > 1000 && offset < 1250);
  expect(later.length).toBeGreaterThan(2);
  const gaps = later.slice(1).map((offset, index) => offset - later[index]!);
  expect(Math.min(...gaps)).toBeGreaterThan(1);
  expect(Math.max(...gaps)).toBeLessThan(300);
});

test('an image in chunks is shown once it is whole, and as far as it is where that takes long', async () => {
  const { add, items, withThumbnail, came } = started();
  const chunkRecords = await image('a', 3000);
  expect(chunkRecords.length).toBeGreaterThan(1);
  await add(...chunkRecords);
  await expect
    .poll(() => items().map(({ offset, chunks }) => [offset, chunks?.have]))
    .toEqual([['0', chunkRecords.length]]);
  expect(withThumbnail()).toEqual(['a']);
  expect(came()).toBe(1);

  const slow = await image('b', 3000);
  await add(slow[0]!);
  await expect.poll(() => items().at(-1), { timeout: 5000 }).toMatchObject({ id: 'b', chunks: { have: 1 } });
  await add(...slow.slice(1));
  await expect.poll(() => items().at(-1)?.chunks?.have).toBe(slow.length);
});

test('images in chunks are sampled too, and those that are shown are shown whole', async () => {
  const { add, items, came, skipped } = started(40);
  let complete = 0;
  for (let index = 0; index < 300; index += 1) {
    for (const record of await image(`${index}`, 3000)) {
      await add({ ...record, offset: String(offsets++) });
    }
  }
  await expect
    .poll(
      () => {
        complete = items().filter(({ chunks }) => chunks?.have === chunks?.count).length;
        return complete + skipped();
      },
      { timeout: 50_000 },
    )
    .toBe(300);
  expect(came()).toBe(300);
  expect(skipped()).toBeGreaterThan(0);
  expect(new Set(items().map(({ offset }) => offset)).size).toBe(complete);
});

test('what keeps a picture from being read is shown in its place', async () => {
  const { add, items } = started();
  const [record] = await image('a');
  await add({ ...record!, value: Buffer.from('no image') });
  await expect.poll(() => items().map(({ problem }) => problem !== undefined)).toEqual([true]);
});

test('what waits for its chunks or its thumbnail counts for all topics, and is given back when one is left', async () => {
  const allowance = createAllowance();
  const [one, other] = [started(undefined, allowance), started(undefined, allowance)];
  const [first, second] = [await image('a', 3000), await image('b', 3000)];
  await one.add(...first.slice(1));
  const ofOne = allowance.chunkBytes;
  await other.add(...second.slice(1));
  expect([ofOne > 0, allowance.chunkBytes]).toEqual([true, 2 * ofOne]);
  await other.add(...(await image('c')));
  one.leave();
  expect(allowance.chunkBytes).toBe(ofOne);
  other.leave();
  expect([allowance.chunkBytes, allowance.waitingBytes]).toEqual([0, 0]);
});

/** @param costMs that each thumbnail takes. Default: as long as it takes */
function started(costMs?: number, allowance = createAllowance()) {
  const leaving = new AbortController();
  const items: Item[] = [];
  let [came, skipped] = [0, 0];
  const thumbnails = createThumbnails();
  const tiles = createTiles({
    topic: 'images',
    limits: {},
    thumbnails:
      costMs === undefined
        ? thumbnails
        : { ...thumbnails, get: async () => sleep(costMs, new Uint8Array(1)) },
    allowance,
    listener: {
      item: (item) => void items.push(item),
      came: (_bytes, images) => void (came += images),
      shown() {},
      skipped: () => void (skipped += 1),
      failed(error) {
        throw error;
      },
    },
    signal: leaving.signal,
  });
  return {
    leave: () => leaving.abort(),
    add: async (...records: TopicRecord[]): Promise<void> => {
      for (const record of records) {
        await tiles.add(record, true);
      }
    },
    items: () => items,
    withThumbnail: () =>
      items
        .filter(({ topicId, partition, offset }) =>
          thumbnails.find(thumbnailKey('images', topicId, partition, offset)),
        )
        .map(({ id }) => id),
    came: () => came,
    skipped: () => skipped,
  };
}

let offsets = 0;

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
      offset: String(maxRecordBytes === 1_000_000 ? offsets++ : records.length),
      timestamp: '1764000000000',
      key: Buffer.from(key),
      value,
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
    });
  }
  return records;
}
