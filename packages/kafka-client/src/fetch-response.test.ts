import { createRequire } from 'node:module';
import { crc32, gzipSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import type { Message } from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { compressionCodecs } from '@image-stream/kafka-config';
import { batch } from './batch.test-support.ts';
import { recordsOf } from './fetch-response.ts';

const codecs = compressionCodecs();
const codecsOf100Bytes = compressionCodecs(100);

async function read(
  bytes: Buffer,
  { from = 0n, abortedTransactions = [] as { producerId: bigint; firstOffset: bigint }[] } = {},
) {
  const { records, ...rest } = await recordsOf({ bytes, abortedTransactions }, from, codecs, crc32c);
  return { ...rest, records: records.map(({ offset, key }) => `${offset} ${String(key)}`) };
}

describe('records', () => {
  test('are those from an offset on, and the last batch may be cut off', async () => {
    const whole = batch({ baseOffset: 0, keys: ['a', 'b', 'c'] });
    const cutOff = batch({ baseOffset: 3, keys: ['d'] }).subarray(0, -1);
    expect(await read(Buffer.concat([whole, cutOff]), { from: 1n })).toEqual({
      records: ['1 b', '2 c'],
      next: 3n,
      leaderEpoch: 0,
    });
  });

  test('of a batch that the log cleaner has emptied are none, and reading goes on behind it', async () => {
    const emptied = batch({ baseOffset: 4, lastOffset: 9, leaderEpoch: 7 });
    expect(await read(emptied, { from: 4n })).toEqual({ records: [], next: 10n, leaderEpoch: 7 });
  });

  test('of one batch may be as many as fit', async () => {
    const keys = Array.from({ length: 200_000 }, () => 'k');
    expect((await read(batch({ baseOffset: 0, keys }))).records).toHaveLength(keys.length);
  });

  test('are as kafkajs wrote them, whatever they are made of', async () => {
    const bytes = fc.option(
      fc.uint8Array({ maxLength: 40 }).map((one) => Buffer.from(one)),
      { nil: null },
    );
    const message = fc.record({
      key: bytes,
      value: bytes,
      timestamp: fc.integer({ min: 1_600_000_000_000, max: 1_800_000_000_000 }).map(String),
      headers: fc.dictionary(
        fc.oneof(fc.string(), fc.constant('__proto__')),
        fc.uint8Array({ maxLength: 9 }).map((one) => Buffer.from(one)),
      ),
    }) satisfies fc.Arbitrary<Message>;
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 4 }), async (messages) => {
        const records = await recordsOf(
          { bytes: await writtenByKafkajs(messages), abortedTransactions: [] },
          0n,
          codecs,
          crc32c,
        );
        expect(records.records).toEqual(
          messages.map((one, index) => ({
            ...one,
            offset: String(index),
            headers: Object.assign(Object.create(null) as object, one.headers),
          })),
        );
      }),
    );
  });

  test('may have headers without a value, and names that are repeated', async () => {
    // Key and value null, three headers: a = null, a = "x", b = null.
    const header = Buffer.from([0, 0, 0, 1, 1, 6, 2, 97, 1, 2, 97, 2, 120, 2, 98, 1]);
    const packed = { type: 1, bytes: gzipSync(Buffer.concat([Buffer.from([2 * header.length]), header])) };
    const bytes = batch({ baseOffset: 0, keys: [null], packed });
    const { records } = await recordsOf({ bytes, abortedTransactions: [] }, 0n, codecs, crc32c);
    expect(records).toMatchObject([
      { key: null, value: null, headers: { a: [null, Buffer.from('x')], b: null } },
    ]);
  });

  test('of a batch that cannot be read are one, with its bytes and the reason, and those after it are read', async () => {
    const bomb = { type: 1, bytes: gzipSync(Buffer.alloc(1000)) };
    const bytes = Buffer.concat([
      batch({ baseOffset: 0, keys: ['a', 'b'], packed: bomb }),
      batch({ baseOffset: 2, keys: ['c', 'd'], packed: { type: 0, bytes: Buffer.from([9, 9, 9]) } }),
      batch({ baseOffset: 4, keys: ['e'] }),
    ]);
    const { records, next } = await recordsOf(
      { bytes, abortedTransactions: [] },
      0n,
      codecsOf100Bytes,
      crc32c,
    );
    expect(records).toMatchObject([
      { offset: '1', value: bomb.bytes, batchError: expect.any(String) as string },
      { offset: '3', value: Buffer.from([9, 9, 9]), batchError: expect.any(String) as string },
      { offset: '4' },
    ]);
    expect(records[2]).not.toHaveProperty('batchError');
    expect(next).toBe(5n);
  });

  test('of old formats are read, in a compressed message, too', async () => {
    const inner = Buffer.concat([oldMessage(0, 1, 0, 'b'), oldMessage(1, 1, 0, 'c')]);
    const bytes = Buffer.concat([
      oldMessage(0, 0, 0, 'a'),
      // Of magic 1, the outer offset is that of the last message within.
      oldMessage(2, 1, 1, gzipSync(inner)),
      batch({ baseOffset: 3, keys: ['d'] }),
    ]);
    const { records, next } = await recordsOf({ bytes, abortedTransactions: [] }, 0n, codecs, crc32c);
    expect(records.map(({ offset, value, key }) => `${offset} ${String(value ?? key)}`)).toEqual([
      ...['0 a', '1 b', '2 c', '3 d'],
    ]);
    expect(next).toBe(4n);
  });
});

describe('a batch that was damaged on the way', () => {
  const good = batch({ baseOffset: 0, keys: ['a'] });
  const damaged = batch({ baseOffset: 1, keys: ['b'] });
  damaged[damaged.length - 1]! ^= 1;

  test('is not handed out, but what comes before it is', async () => {
    expect(await read(Buffer.concat([good, damaged]))).toMatchObject({ records: ['0 a'], next: 1n });
  });

  test('is an error where it comes first', async () => {
    await expect(read(damaged)).rejects.toThrow(
      /^record batch at offset 1 has CRC-32C \d+ where \d+ is expected/,
    );
  });
});

describe('of an aborted transaction', () => {
  const transactional = { isTransactional: true };

  test('nothing is handed out, and everything else is', async () => {
    const bytes = Buffer.concat([
      batch({ baseOffset: 0, keys: ['a'], producerId: 1, ...transactional }),
      batch({ baseOffset: 1, keys: ['b'], producerId: 2, ...transactional }),
      batch({ baseOffset: 2, keys: ['c'] }),
      batch({ baseOffset: 3, producerId: 1, mark: 'abort', ...transactional }),
      batch({ baseOffset: 4, keys: ['d'], producerId: 1, ...transactional }),
      batch({ baseOffset: 5, producerId: 2, mark: 'abort', ...transactional }),
      batch({ baseOffset: 6, producerId: 1, mark: 'commit', ...transactional }),
    ]);
    const abortedTransactions = [
      { producerId: 2n, firstOffset: 1n },
      { producerId: 1n, firstOffset: 0n },
    ];
    expect(await read(bytes, { abortedTransactions })).toMatchObject({ records: ['2 c', '4 d'], next: 7n });
  });

  test('the mark is what the broker wrote, and no record with the key of one', async () => {
    const bytes = Buffer.concat([
      batch({ baseOffset: 0, keys: [Buffer.alloc(4), 'a'], producerId: 1, ...transactional }),
      batch({ baseOffset: 2, keys: ['b'], producerId: 1, ...transactional }),
      batch({ baseOffset: 3, producerId: 1, mark: 'abort', ...transactional }),
    ]);
    const abortedTransactions = [{ producerId: 1n, firstOffset: 0n }];
    expect(await read(bytes, { abortedTransactions })).toMatchObject({ records: [], next: 4n });
  });
});

/** A message of magic 0 or 1. */
function oldMessage(offset: number, magic: 0 | 1, attributes: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value);
  const body = Buffer.alloc(2 + 8 * magic + 8 + bytes.length);
  body.writeInt8(magic, 0);
  body.writeInt8(attributes, 1);
  body.writeInt32BE(-1, 2 + 8 * magic);
  body.writeInt32BE(bytes.length, 6 + 8 * magic);
  bytes.copy(body, 10 + 8 * magic);
  const head = Buffer.alloc(16);
  head.writeBigInt64BE(BigInt(offset), 0);
  head.writeInt32BE(4 + body.length, 8);
  head.writeUInt32BE(crc32(body), 12);
  return Buffer.concat([head, body]);
}

async function writtenByKafkajs(messages: Message[]): Promise<Buffer> {
  const load = createRequire(import.meta.url);
  const { RecordBatch } = load('kafkajs/src/protocol/recordBatch/v0') as {
    RecordBatch: (options: object) => Promise<{ buffer: Buffer }>;
  };
  const Encoder = load('kafkajs/src/protocol/encoder') as new () => object;
  const write = load('kafkajs/src/protocol/recordBatch/record/v0') as (options: object, to: object) => void;
  const firstTimestamp = Number(messages[0]!.timestamp);
  const records = new Encoder();
  for (const [offsetDelta, { timestamp, ...rest }] of messages.entries()) {
    write({ ...rest, timestampDelta: Number(timestamp) - firstTimestamp, offsetDelta }, records);
  }
  const { buffer } = await RecordBatch({
    firstOffset: 0,
    firstTimestamp,
    maxTimestamp: firstTimestamp,
    lastOffsetDelta: messages.length - 1,
    partitionLeaderEpoch: 0,
    records,
  });
  return buffer;
}
