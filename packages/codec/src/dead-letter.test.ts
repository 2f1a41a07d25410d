import { describe, expect, test } from 'vitest';
import { CodecError, deadLetterHeaders, deadLetterReason, originalTimestamp } from './index.ts';
import { decodeImage, received } from './records.test-support.ts';

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

test('a dead letter says where it came from and why, in the words of Kafka Connect', () => {
  const place = { topic: 'images', partition: 7, offset: '9007199254740993', timestamp: '1700000000000' };
  expect(deadLetterHeaders(place, 'VALUE_CONVERTER', new CodecError('UNSUPPORTED', 'no image'))).toEqual({
    '__connect.errors.topic': 'images',
    '__connect.errors.partition': '7',
    '__connect.errors.offset': '9007199254740993',
    '__connect.errors.timestamp': '1700000000000',
    '__connect.errors.stage': 'VALUE_CONVERTER',
    '__connect.errors.exception.class.name': 'CodecError.UNSUPPORTED',
    '__connect.errors.exception.message': 'no image',
  });
});

test('a plain image that is read again from the dead letters is the same image', async () => {
  const first = received({ key: 'camera-1', value: png, topic: 'images', partition: 7, offset: '41' });
  const added = deadLetterHeaders(first, 'TASK_PUT', new Error('disk'));
  const headers = Object.fromEntries(Object.entries(added).map(([name, text]) => [name, Buffer.from(text)]));
  const again = {
    ...first,
    topic: 'images.dead-letter',
    partition: 0,
    offset: '3',
    timestamp: '1800000000000',
    headers,
  };
  expect((await decodeImage(again)).id).toBe('camera-1-7-41');
  expect(await decodeImage(again)).toEqual(await decodeImage(first));
});

test.each([
  ['partition', 'x'],
  ['offset', '-1'],
])('a %s that is no number makes it a record like any other', async (name, text) => {
  const added = {
    ...deadLetterHeaders(
      { topic: 't', partition: 1, offset: '2', timestamp: '0' },
      'TASK_PUT',
      new Error('x'),
    ),
  };
  const record = received({
    key: 'k',
    value: png,
    headers: { ...added, [`__connect.errors.${name}`]: text },
  });
  expect((await decodeImage(record)).id).toBe('k-3-41');
});

test("Connect's own dead letters are read, whose exception may have no message", async () => {
  const headers = {
    '__connect.errors.topic': Buffer.from('images'),
    '__connect.errors.partition': Buffer.from('7'),
    '__connect.errors.offset': Buffer.from('41'),
    '__connect.errors.exception.class.name': Buffer.from('java.lang.NullPointerException'),
    '__connect.errors.exception.message': null,
    '__connect.errors.exception.stacktrace': null,
  };
  const record = received({ key: 'camera-1', value: png, headers });
  expect(deadLetterReason(record)).toEqual({
    ...{ topic: 'images', partition: 7, offset: '41', timestamp: Number(record.timestamp) },
    ...{ errorClass: 'java.lang.NullPointerException', message: 'without a reason' },
  });
  expect((await decodeImage(record)).id).toBe('camera-1-7-41');
  const placeless = { ...record, headers: { ...headers, '__connect.errors.offset': null } };
  expect(deadLetterReason(placeless)).toBeUndefined();
});

describe('the timestamp of a dead letter', () => {
  const first = received({ key: 'camera-1', value: png, timestamp: '1700000000000' });
  const headers = deadLetterHeaders(first, 'TASK_PUT', new Error('disk'));

  test('is the one that its record had first, however often it was put aside', () => {
    const again = { ...first, timestamp: '1800000000000', headers };
    expect(originalTimestamp(again)).toBe('1700000000000');
    const twice = { ...again, headers: deadLetterHeaders(again, 'TASK_PUT', new Error('disk')) };
    expect(originalTimestamp({ ...twice, timestamp: '1900000000000' })).toBe('1700000000000');
  });

  test.each(['', 'x', '1.5', '1'.repeat(20)])('is its own where the header says %j', (text) => {
    const record = { ...first, headers: { ...headers, '__connect.errors.timestamp': text } };
    expect(originalTimestamp(record)).toBe('1700000000000');
    expect(originalTimestamp({ ...record, timestamp: '5' })).toBe('5');
  });

  test('is its own where Kafka Connect put it aside, or where it is none', () => {
    const { '__connect.errors.timestamp': timestamp, ...connect } = headers;
    expect(originalTimestamp({ ...first, timestamp: '5', headers: connect })).toBe('5');
    expect(
      originalTimestamp({ ...first, timestamp: '5', headers: { '__connect.errors.timestamp': timestamp! } }),
    ).toBe('5');
  });

  test('dates an event that does not say when it was created', async () => {
    const event = {
      ce_specversion: '1.0',
      ce_type: 'made.elsewhere',
      ce_id: 'one',
      ce_source: '/camera',
      'content-type': 'image/png',
    };
    const again = received({
      key: 'one',
      value: png,
      timestamp: '1800000000000',
      headers: { ...event, ...headers },
    });
    expect((await decodeImage(again)).createdAt).toEqual(new Date(1_700_000_000_000));
  });
});
