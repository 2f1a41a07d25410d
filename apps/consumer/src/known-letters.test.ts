import { deadLetterHeaders } from '@image-stream/codec';
import type { ReceivedRecord } from '@image-stream/codec';
import type { TopicReader, TopicRecord } from '@image-stream/kafka-client';
import { describe, expect, test } from 'vitest';
import { createKnownLetters } from './known-letters.ts';

const now = Date.now();
const hourMs = 3_600_000;

function record(offset: number, ageMs: number, changed: Partial<ReceivedRecord> = {}): ReceivedRecord {
  return {
    topic: 'images',
    partition: 0,
    offset: String(offset),
    timestamp: String(now - ageMs),
    key: Buffer.from('key'),
    value: Buffer.from('no image'),
    headers: { mine: ['one', 'two'], other: Buffer.from('x') },
    ...changed,
  };
}

/** Dead letters of records, put aside a minute after each was sent; and how many of them were read. */
function topicOf(...records: ReceivedRecord[]) {
  const letters = records.map((one, index): TopicRecord => {
    const headers = { ...one.headers, ...deadLetterHeaders(one, 'TASK_PUT', new Error('bad')) };
    const timestamp = String(Number(one.timestamp) + 60_000);
    return { ...one, topic: 'letters', offset: String(index), timestamp, headers } as unknown as TopicRecord;
  });
  const seen = { opened: 0, read: 0, failures: 0 };
  const reader: Pick<TopicReader, 'offsets' | 'offsetsAt' | 'range' | 'close'> = {
    offsets: async () => {
      const high = BigInt(letters.length);
      return new Map([[0, { low: 0n, high, highWatermark: high }]]);
    },
    async offsetsAt(time) {
      const index = letters.findIndex(({ timestamp }) => Number(timestamp) >= time.getTime());
      return new Map([[0, BigInt(index === -1 ? letters.length : index)]]);
    },
    async *range(_partition, from, to) {
      for (const letter of letters.slice(Number(from), Number(to))) {
        seen.read += 1;
        yield letter;
      }
    },
    close: async () => {},
  };
  const open = async (): Promise<TopicReader> => {
    seen.opened += 1;
    if (seen.failures > 0) {
      seen.failures -= 1;
      throw new Error('no broker');
    }
    return reader as TopicReader;
  };
  return { seen, known: createKnownLetters(open) };
}

test('a record is known by what its dead letter holds', async () => {
  const { known } = topicOf(record(0, hourMs), record(1, hourMs, { key: null, value: null, headers: {} }));
  expect(await known.has(record(0, hourMs))).toBe(true);
  expect(await known.has(record(1, hourMs, { key: null, value: null, headers: {} }))).toBe(true);
});

test.each<[string, Partial<ReceivedRecord>]>([
  ['topic', { topic: 'others' }],
  ['partition', { partition: 1 }],
  ['offset', { offset: '1' }],
  ['timestamp', { timestamp: String(now - hourMs - 1) }],
  ['key', { key: Buffer.from('another') }],
  ['key that is null', { key: null }],
  ['value', { value: Buffer.from('another') }],
  ['value that is empty', { value: Buffer.alloc(0) }],
  ['header', { headers: { mine: ['one', 'three'], other: 'x' } }],
])('another %s makes it another record', async (_name, changed) => {
  const { known } = topicOf(record(0, hourMs));
  expect(await known.has(record(0, hourMs, changed))).toBe(false);
});

describe('of the dead letters', () => {
  const days = (count: number): number => count * 24 * hourMs;
  const many = Array.from({ length: 100 }, (_one, index) => record(index, days(100 - index)));

  test('only those are read that are younger than the record, and the others once', async () => {
    const { known, seen } = topicOf(...many);
    expect(await known.has(record(500, 0))).toBe(false);
    expect(seen).toMatchObject({ opened: 1, read: 0 });
    expect(await known.has(many[98]!)).toBe(true);
    expect(seen).toMatchObject({ opened: 2, read: 100 });
    expect(await Promise.all(many.map((one) => known.has(one)))).toEqual(many.map(() => true));
    expect(seen).toMatchObject({ opened: 2, read: 100 });
  });

  test('all are read where a timestamp says nothing', async () => {
    for (const timestamp of ['-1', '0', String(now + days(1)), '9223372036854775807']) {
      const odd = record(100, 0, { timestamp });
      const { known, seen } = topicOf(...many);
      expect(await known.has(odd)).toBe(false);
      expect(seen.read).toBe(100);
    }
  });

  test('many that are asked for at once are read once', async () => {
    const { known, seen } = topicOf(...many);
    expect(await Promise.all(many.map((one) => known.has(one)))).toEqual(many.map(() => true));
    expect(seen).toMatchObject({ opened: 1, read: 100 });
  });

  test('a failure to read is tried again with the next record', async () => {
    const { known, seen } = topicOf(...many);
    seen.failures = 1;
    await expect(known.has(many[0]!)).rejects.toThrow('no broker');
    expect(await known.has(many[0]!)).toBe(true);
  });
});

test('what has been put aside now is known, also in a topic that has just been created', async () => {
  const known = createKnownLetters(undefined);
  expect(await known.has(record(0, 0))).toBe(false);
  known.add(record(0, 0));
  expect(await known.has(record(0, 0))).toBe(true);
  expect(await known.has(record(1, 0))).toBe(false);
});
