import { deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { bytesOf, decodeRecord, isPixelArray } from './index.ts';
import { decodeImage, received } from './records.test-support.ts';

const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]);

describe('plain images', () => {
  test.each([
    ['a key', { key: 'camera-1' }, { id: 'camera-1-3-41', customerId: 'unknown' }],
    ['no key', {}, { id: 'data-stream-3-41', customerId: 'unknown' }],
    ['an unprintable key', { key: Buffer.of(0, 1) }, { id: 'data-stream-3-41', customerId: 'unknown' }],
    [
      'a customer header',
      { headers: { customer_id: Buffer.from('lab') } },
      { id: 'data-stream-3-41', customerId: 'lab' },
    ],
  ])('with %s', async (_name, record, expected) => {
    const image = await decodeImage(received({ value: jpeg, ...record }));
    expect(image).toMatchObject({ ...expected, createdAt: new Date(1_718_000_000_250) });
    expect(image.content).toEqual({ mediaType: 'image/jpeg', bytes: jpeg });
  });
});

test.each<[name: string, value: Buffer | null, code: string]>([
  ['no value', null, 'UNRECOGNIZED_FORMAT'],
  ['an empty value', Buffer.alloc(0), 'UNRECOGNIZED_FORMAT'],
  ['text', Buffer.from('hello'), 'UNRECOGNIZED_FORMAT'],
  ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'UNRECOGNIZED_FORMAT'],
  ['other JSON', Buffer.from('{"a": 1}'), 'UNRECOGNIZED_FORMAT'],
  ['broken JSON', Buffer.from('{"array_id": "a", "data": '), 'UNRECOGNIZED_FORMAT'],
  [
    'JSON that is not UTF-8',
    Buffer.from('{"array_id": "\xff", "data": ""}', 'latin1'),
    'UNRECOGNIZED_FORMAT',
  ],
  ['no creation time', python({ creation_time: undefined }), 'MALFORMED_RECORD'],
  ['a creation time out of range', python({ creation_time: 1e300 }), 'MALFORMED_RECORD'],
  ['an id that is a number', python({ array_id: 7 }), 'MALFORMED_RECORD'],
  ['an id with a lone surrogate', python({ array_id: '\ud800' }), 'MALFORMED_RECORD'],
  ['data that is not base64', python({ data: 'a*b' }), 'MALFORMED_RECORD'],
  ['data that is not zlib', python({ data: 'aGVsbG8=' }), 'CORRUPT_PAYLOAD'],
  ['a shape with a negative number', python({ shape: [-1, 2, 3] }), 'MALFORMED_RECORD'],
  ['a shape that is text', python({ shape: '__proto__' }), 'MALFORMED_RECORD'],
  ['a shape beyond the limit', python({ shape: [1e9, 1e9, 3] }), 'LIMIT_EXCEEDED'],
  ['structured data that is missing', Buffer.from('{"specversion": "1.0", "id": "a"}'), 'MALFORMED_RECORD'],
])('refuses %s', async (_name, value, code) => {
  await expect(decodeRecord(received({ value }))).rejects.toMatchObject({ name: 'CodecError', code });
});

test('counts one byte as one', async () => {
  await expect(decodeRecord(received({ value: Buffer.from('a') }))).rejects.toThrow(
    'record of 1 byte is not',
  );
});

test.each(['a byte order mark', 'line breaks in base64', 'a shape that is null'])(
  'reads JSON of the Python application with %s',
  async (what) => {
    const plain = JSON.stringify({ creation_time: -1.5, array_id: 'a', customer_id: 'c' }).slice(1, -1);
    const pixels = Buffer.alloc(1920 * 1080 * 3);
    const data = deflateSync(pixels).toString('base64');
    const lines = (data.match(/.{1,76}/g) ?? []).join('\\r\\n');
    const text = {
      'a byte order mark': `\uFEFF{${plain}, "data": "${data}"}`,
      'line breaks in base64': `{${plain}, "data": "${lines}"}`,
      'a shape that is null': `{${plain}, "data": "${data}", "shape": null}`,
    }[what]!;
    const image = await decodeImage(received({ value: Buffer.from(text) }));
    expect(image).toMatchObject({ id: 'a', createdAt: new Date('1969-12-31T23:59:58.500Z') });
    expect(isPixelArray(image.content) && pixels.equals(bytesOf(image.content))).toBe(true);
  },
);

test.each(['1e300', '-1e300', '1e400', '253402300800', '-62135596801'])(
  'refuses a creation time of %s',
  async (time) => {
    const value = Buffer.from(`{"array_id": "a", "data": "", "customer_id": "c", "creation_time": ${time}}`);
    await expect(decodeRecord(received({ value }))).rejects.toThrow(
      `creation_time ${Number(time)} is not a time in the years 1 to 9999`,
    );
  },
);

function python(changed: Record<string, unknown>): Buffer {
  return Buffer.from(
    JSON.stringify({ customer_id: 'c', data: '', array_id: 'a', creation_time: 1, ...changed }),
  );
}

describe('a record without a value', () => {
  const event = {
    ce_specversion: '1.0',
    ce_type: 'made.elsewhere',
    ce_id: 'one',
    ce_source: '/camera',
    'content-type': 'image/png',
  };

  test.each(['camera-1', '', Buffer.of(0, 0, 0, 0)])('with the key %j is a tombstone', async (key) => {
    expect(await decodeRecord(received({ key, headers: { any: 'thing' } }))).toEqual({ kind: 'tombstone' });
  });

  test.each([
    ['without a key', received({}), 'UNRECOGNIZED_FORMAT'],
    ['of an event', received({ key: 'one', headers: event }), 'UNRECOGNIZED_FORMAT'],
    [
      'of a structured event',
      received({ key: 'one', headers: { 'content-type': 'application/cloudevents+json' } }),
      'UNRECOGNIZED_FORMAT',
    ],
    [
      'of a chunk',
      received({ key: 'one', headers: { ...event, ce_type: 'image-stream.chunk.v1' } }),
      'MALFORMED_RECORD',
    ],
    ['that stands for a batch', received({ key: 'one', batchError: 'too large' }), 'LIMIT_EXCEEDED'],
    ['but an empty one', received({ key: 'one', value: Buffer.alloc(0) }), 'UNRECOGNIZED_FORMAT'],
  ])('%s is bad', async (_name, record, code) => {
    await expect(decodeRecord(record)).rejects.toMatchObject({ name: 'CodecError', code });
  });
});
