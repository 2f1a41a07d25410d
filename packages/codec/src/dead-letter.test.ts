import { expect, test } from 'vitest';
import { CodecError, deadLetterHeaders, deadLetterReason } from './index.ts';
import { decodeImage, received } from './records.test-support.ts';

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

test('a dead letter says where it came from and why, in the words of Kafka Connect', () => {
  const place = { topic: 'images', partition: 7, offset: '9007199254740993' };
  expect(deadLetterHeaders(place, 'VALUE_CONVERTER', new CodecError('UNSUPPORTED', 'no image'))).toEqual({
    '__connect.errors.topic': 'images',
    '__connect.errors.partition': '7',
    '__connect.errors.offset': '9007199254740993',
    '__connect.errors.stage': 'VALUE_CONVERTER',
    '__connect.errors.exception.class.name': 'CodecError.UNSUPPORTED',
    '__connect.errors.exception.message': 'no image',
  });
});

test('a plain image that is read again from the dead letters is the same image', async () => {
  const first = received({ key: 'camera-1', value: png, topic: 'images', partition: 7, offset: '41' });
  const added = deadLetterHeaders(first, 'TASK_PUT', new Error('disk'));
  const headers = Object.fromEntries(Object.entries(added).map(([name, text]) => [name, Buffer.from(text)]));
  const again = { ...first, topic: 'images.dead-letter', partition: 0, offset: '3', headers };
  expect((await decodeImage(again)).id).toBe('camera-1-7-41');
  expect(await decodeImage(again)).toEqual(await decodeImage(first));
});

test.each([
  ['partition', 'x'],
  ['offset', '-1'],
])('a %s that is no number makes it a record like any other', async (name, text) => {
  const added = {
    ...deadLetterHeaders({ topic: 't', partition: 1, offset: '2' }, 'TASK_PUT', new Error('x')),
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
    ...{ topic: 'images', partition: 7, offset: '41' },
    ...{ errorClass: 'java.lang.NullPointerException', message: 'without a reason' },
  });
  expect((await decodeImage(record)).id).toBe('camera-1-7-41');
  const placeless = { ...record, headers: { ...headers, '__connect.errors.offset': null } };
  expect(deadLetterReason(placeless)).toBeUndefined();
});
