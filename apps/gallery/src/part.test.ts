import type { Bounds, TopicRecord } from '@image-stream/kafka-client';
import { expect, test } from 'vitest';
import type { Item, Part } from './messages.ts';
import { readPart } from './part.ts';
import type { PartOptions, Place, WantedPart } from './part.ts';

const { signal } = new AbortController();

test('what is older follows part by part, each record once, in the order of each partition', async () => {
  const topic = topicOf(3, 100);
  const items: Item[] = [];
  let place: Place = 'end';
  for (let isEnd = false; !isEnd;) {
    const part: Part = await read(topic, { place, direction: 'older' });
    expect(part.items.length).toBeLessThanOrEqual(36);
    items.push(...part.items);
    ({ isEnd } = part);
    place = { offsets: offsetsOf(part.older) };
  }
  expect(idsOf(items)).toEqual(topic.ids);
  for (const partition of [0, 1, 2]) {
    const own = items.filter((item) => item.partition === partition).map(({ offset }) => Number(offset));
    expect(own).toEqual(own.toSorted((one, other) => other - one));
  }
});

test('what is newer does too, and begins where what is older does', async () => {
  const topic = topicOf(2, 100);
  const middle: Place = { offsets: new Map([[0, 25n]]) };
  const lower = await read(topic, { place: middle, direction: 'older' });
  const items = [...lower.items];
  let { newer } = lower;
  for (let isEnd = false; !isEnd;) {
    const part = await read(topic, { place: { offsets: offsetsOf(newer) }, direction: 'newer' });
    items.unshift(...part.items);
    ({ isEnd, newer } = part);
  }
  let { older, isEnd } = lower;
  while (!isEnd) {
    const part = await read(topic, { place: { offsets: offsetsOf(older) }, direction: 'older' });
    items.push(...part.items);
    ({ isEnd, older } = part);
  }
  expect(idsOf(items)).toEqual(topic.ids);
});

test('one that is looked for is found behind any number of others, and it is said how many', async () => {
  const topic = topicOf(1, 700);
  const part = await read(topic, { place: 'end', direction: 'older', filter: { id: 'IMAGE-0-3' } });
  // Offset 3, and 30 to 39, and 300 to 399.
  expect(part.items.every(({ offset }) => offset.startsWith('3'))).toBe(true);
  expect([part.items.length, part.isEnd]).toEqual([36, false]);
  const none = await read(topic, { place: 'end', direction: 'older', filter: { customer: 'nobody' } });
  expect([none.items, none.isEnd, none.looked]).toEqual([[], true, 700]);
});

test('partitions that are empty, that retention has cut, and records that are not there any more', async () => {
  const topic = topicOf(2, 60);
  topic.partitions.push([]);
  topic.low = 10n;
  topic.partitions[0] = topic.partitions[0]!.filter(({ offset }) => Number(offset) % 2 === 0);
  const part = await read(topic, { place: { offsets: new Map([['all', 3n]]) }, direction: 'newer' });
  expect([part.items.length, part.isEnd, part.removed]).toEqual([30, true, 20]);
});

test('a topic that is made anew and shorter while it is read ends', async () => {
  const topic = topicOf(1, 20);
  const part = await read(topic, { place: { offsets: new Map([[0, 500n]]) }, direction: 'older' });
  expect([part.items.length, part.isEnd]).toEqual([20, true]);
});

interface Topic extends Pick<PartOptions, 'reader'> {
  low: bigint;
  readonly partitions: TopicRecord[][];
  /** Sorted. */
  readonly ids: string[];
}

/** Of producers whose clocks differ. */
function topicOf(partitionCount: number, count: number): Topic {
  const partitions: TopicRecord[][] = Array.from({ length: partitionCount }, () => []);
  for (let index = 0; index < count; index += 1) {
    const partition = index % partitionCount;
    const own = partitions[partition]!;
    // What holds no picture is in the topic all the same.
    own.push({
      topic: 'scans',
      partition,
      offset: String(own.length),
      timestamp: String(1_700_000_000_000 + ((index * 7919) % 1000)),
      key: null,
      value: Buffer.from('x'),
      headers: Object.fromEntries(
        Object.entries({
          specversion: '1.0',
          id: `image-${partition}-${own.length}`,
          customerid: 'garden',
        }).map(([name, text]) => [`ce_${name}`, Buffer.from(text)]),
      ),
    });
  }
  const ids = partitions
    .flatMap((own, partition) => own.map((_, offset) => `image-${partition}-${offset}`))
    .toSorted();
  const topic: Topic = {
    low: 0n,
    partitions,
    ids,
    reader: {
      offsets: async () => new Map(partitions.map((own, partition) => [partition, boundsOf(own)])),
      offsetsAt: async (time) =>
        new Map(
          partitions.map((own, partition) => [
            partition,
            BigInt(own.findIndex(({ timestamp }) => Number(timestamp) >= time.getTime())),
          ]),
        ),
      async *range(partition, from, to) {
        for (const record of partitions[partition]!) {
          const offset = BigInt(record.offset);
          if (offset >= from && offset >= topic.low && offset < to) {
            yield record;
          }
        }
      },
    },
  };
  return topic;

  function boundsOf(own: readonly TopicRecord[]): Bounds {
    const high = BigInt(own.at(-1)?.offset ?? -1n) + 1n;
    const low = high < topic.low ? high : topic.low;
    return { low, high: high < low ? low : high, highWatermark: high };
  }
}

async function read(
  { reader }: Topic,
  wanted: Omit<WantedPart, 'filter'> & { readonly filter?: WantedPart['filter'] },
): Promise<Part> {
  return readPart(
    { filter: {}, ...wanted },
    { topic: 'images', kafkaTopic: 'scans', reader, limits: {} },
    signal,
  );
}

function idsOf(items: readonly Item[]): string[] {
  return items.map(({ id }) => id!).toSorted();
}

function offsetsOf(positions: Part['older']): ReadonlyMap<number, bigint> {
  return new Map(Object.entries(positions).map(([partition, offset]) => [Number(partition), BigInt(offset)]));
}
