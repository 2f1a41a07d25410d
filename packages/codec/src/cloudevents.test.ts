import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { CloudEvent, Kafka } from 'cloudevents';
import { describe, expect, test } from 'vitest';
import { decodeRecord, encodeImage, encodeNpy } from './index.ts';
import type { Image } from './index.ts';
import { collect, decodeImage, delivered, received } from './records.test-support.ts';

const png = Buffer.from('\x89PNG\r\n\x1a\nthe rest is not looked at here', 'latin1');
const image: Image = {
  id: '0190a5b6-1f2e-7c3d-8e4f-5a6b7c8d9e0f',
  customerId: 'customer-1',
  createdAt: new Date('2026-11-24T03:04:05.678Z'),
  source: '/lab/microscope',
  filename: 'cells.png',
  content: { mediaType: 'image/png', bytes: png },
};

async function encode(options?: Parameters<typeof encodeImage>[1], changed?: Partial<Image>) {
  const [record] = await collect(encodeImage({ ...image, ...changed }, options));
  return record!;
}

test.each<[string, Partial<Image>, string]>([
  ['an empty id', { id: '' }, 'image id must be a non-empty string, not ""'],
  ['half a character', { customerId: '\ud800' }, 'customer id "\\ud800" is not well-formed Unicode'],
  ['an empty source', { source: '' }, 'source must be a non-empty string, not ""'],
  ['no time', { createdAt: new Date('?') }, 'createdAt "Invalid Date" is not a time in the years 1 to 9999'],
  ['a time too early', { createdAt: new Date(-1e15) }, 'is not a time in the years 1 to 9999'],
])('%s is not sent', async (_case, changed, message) => {
  const sent = encode({}, changed);
  await expect(sent).rejects.toThrow(message);
  await expect(sent).rejects.toMatchObject({ name: 'CodecError', code: 'INVALID_IMAGE' });
});

test('an encoded image travels unchanged under documented headers', async () => {
  expect(await encode()).toEqual({
    key: image.id,
    value: png,
    headers: {
      ce_specversion: '1.0',
      ce_type: 'image-stream.image.v1',
      ce_id: image.id,
      ce_source: '/lab/microscope',
      ce_time: '2026-11-24T03:04:05.678Z',
      ce_customerid: 'customer-1',
      ce_filename: 'cells.png',
      ce_payloadsize: String(png.length),
      ce_payloadsha256: createHash('sha256').update(png).digest('hex'),
      'content-type': 'image/png',
    },
  });
});

test('the hash that a file was checked against stays with it; without one, nothing is said', async () => {
  const record = delivered(await encode());
  const sha256 = createHash('sha256').update(png).digest('hex');
  expect((await decodeImage(record)).content).toEqual({ mediaType: 'image/png', bytes: png, sha256 });
  const { ce_payloadsha256: _removed, ...headers } = record.headers!;
  expect((await decodeImage({ ...record, headers })).content).toEqual({ mediaType: 'image/png', bytes: png });
});

test('ids that differ by a byte order mark stay distinct', async () => {
  const marked = { id: '\uFEFFdoor', customerId: '\uFEFFgate' };
  expect(await decodeImage(delivered(await encode({}, marked)))).toMatchObject(marked);
});

test('the cloudevents package reads it', async () => {
  const { key, value, headers } = await encode();
  const event = Kafka.toEvent({ key, value, headers } as never) as CloudEvent;
  expect(event).toMatchObject({
    id: image.id,
    type: 'image-stream.image.v1',
    source: '/lab/microscope',
    customerid: 'customer-1',
  });
});

describe('events that the cloudevents package made', () => {
  const event = new CloudEvent({
    id: 'e-1',
    source: '/camera/7',
    type: 'com.example.snapshot',
    time: '2026-01-02T03:04:05Z',
    datacontenttype: 'image/png',
    data: png,
  });

  test('binary mode', async () => {
    const { headers } = Kafka.binary(event);
    expect(await decodeRecord(received({ headers: headers, value: png }))).toEqual({
      kind: 'image',
      image: {
        id: 'e-1',
        customerId: '/camera/7',
        source: '/camera/7',
        createdAt: new Date('2026-01-02T03:04:05Z'),
        content: { mediaType: 'image/png', bytes: png },
      },
    });
  });

  test('structured mode', async () => {
    const { headers, value } = Kafka.structured(event);
    const record = received({
      headers: headers,
      value: Buffer.from(value),
    });
    expect(await decodeImage(record)).toMatchObject({
      id: 'e-1',
      customerId: '/camera/7',
      content: { mediaType: 'image/png', bytes: png },
    });
  });
});

test('a missing time is the record timestamp', async () => {
  const { ce_time: _, ...headers } = (await encode()).headers;
  const decoded = await decodeImage(received({ headers, value: png }));
  expect(decoded.createdAt).toEqual(new Date(1_718_000_000_250));
});

describe('a header without a value counts as absent', () => {
  const optional = ['ce_time', 'ce_customerid', 'ce_filename', 'ce_payloadsize', 'ce_payloadsha256'];
  test.each([...optional, 'content-type', 'content-encoding', 'other'])('%s', async (name) => {
    const { headers } = await encode();
    const { [name]: _removed, ...without } = headers;
    const expected = await decodeImage(received({ headers: without, value: png }));
    for (const nothing of [null, [null], ['before', null]]) {
      const record = received({ headers: { ...headers, [name]: nothing }, value: png });
      expect(await decodeImage(record)).toEqual(expected);
    }
  });

  test.each(['ce_type', 'ce_id', 'ce_source'])('%s, which is required', async (name) => {
    const { headers } = await encode();
    const record = received({ headers: { ...headers, [name]: null }, value: png });
    await expect(decodeRecord(record)).rejects.toMatchObject({ code: 'MALFORMED_RECORD' });
  });

  test('ce_specversion: then it is a plain image', async () => {
    const headers = { ...(await encode()).headers, ce_specversion: null };
    expect(await decodeImage(received({ headers, value: png, key: 'k' }))).toMatchObject({ id: 'k-3-41' });
  });

  test('customer_id of a plain image', async () => {
    const headers = { customer_id: null };
    expect(await decodeImage(received({ headers, value: png }))).toMatchObject({ customerId: 'unknown' });
  });

  test('while a repeated one counts by its last value', async () => {
    const headers = { ...(await encode()).headers, ce_filename: [null, Buffer.from('last.png')] };
    expect(await decodeImage(received({ headers, value: png }))).toMatchObject({ filename: 'last.png' });
  });
});

describe('a structured event', () => {
  const data_base64 = png.toString('base64');
  const event = { specversion: '1.0', type: 't', id: 'i', source: '/s', data_base64 };
  const inHeaders = { headers: { 'content-type': 'application/cloudevents+json; charset=UTF-8' } };

  async function decodeText(text: string): Promise<object> {
    const value = Buffer.from(text);
    const decoded = await decodeImage(received({ value }));
    expect(await decodeImage(received({ value, ...inHeaders }))).toEqual(decoded);
    return decoded;
  }

  test('counts attributes that are null as absent', async () => {
    const names = ['time', 'customerid', 'filename', 'payloadsize', 'payloadsha256', 'imageid'];
    const nulls = Object.fromEntries(names.map((name) => [name, null]));
    expect(await decodeText(JSON.stringify({ ...event, ...nulls }))).toEqual(
      await decodeText(JSON.stringify(event)),
    );
    const noId = Buffer.from(JSON.stringify({ ...event, id: null }));
    await expect(decodeRecord(received({ value: noId }))).rejects.toMatchObject({ code: 'MALFORMED_RECORD' });
  });

  test('may have line breaks in its base64, as MIME has', async () => {
    for (const lineBreak of ['\r\n', '\n', '\r\n\t ']) {
      const lines = (data_base64.match(/.{1,20}/g) ?? []).join(lineBreak);
      expect(await decodeText(JSON.stringify({ ...event, data_base64: `${lines}${lineBreak}` }))).toEqual(
        await decodeText(JSON.stringify(event)),
      );
    }
    for (const wrong of ['\r\n*', '\r\nA', '\u00A0', '=']) {
      const damaged = JSON.stringify({ ...event, data_base64: `${data_base64.slice(0, 8)}${wrong}` });
      await expect(decodeRecord(received({ value: Buffer.from(damaged) }))).rejects.toThrow(
        'is not valid base64',
      );
    }
  });

  test.each(['\uFEFF', ' ', '\r\n\t', '\uFEFF\n '])('may begin with %j', async (start) => {
    expect(await decodeText(`${start}${JSON.stringify(event)}\n`)).toEqual(
      await decodeText(JSON.stringify(event)),
    );
  });
});

test('the bytes, not the header, say what an image is', async () => {
  const { headers } = await encode();
  const decoded = await decodeImage(
    received({ headers: { ...headers, 'content-type': 'text/html' }, value: png }),
  );
  expect(decoded.content).toMatchObject({ mediaType: 'image/png' });
});

describe('refuses', () => {
  test.each<[name: string, headers: Record<string, string | Buffer>, code: string]>([
    ['a wrong hash', { ce_payloadsha256: 'ab'.repeat(32) }, 'CORRUPT_PAYLOAD'],
    ['a wrong size', { ce_payloadsize: '7' }, 'CORRUPT_PAYLOAD'],
    ['a newer type of ours', { ce_type: 'image-stream.image.v9' }, 'UNSUPPORTED'],
    ['another version', { ce_specversion: '0.3' }, 'UNSUPPORTED'],
    ['an unknown encoding', { 'content-encoding': 'zstd' }, 'UNSUPPORTED'],
    ['a compressed PNG', { 'content-encoding': 'gzip' }, 'CORRUPT_PAYLOAD'],
    ['an encoding with a tempting name', { 'content-encoding': '__proto__' }, 'UNSUPPORTED'],
    ['a time that is none', { ce_time: 'yesterday' }, 'MALFORMED_RECORD'],
    ['an empty id', { ce_id: '' }, 'MALFORMED_RECORD'],
    ['an id that is not UTF-8', { ce_id: Buffer.of(0xff) }, 'MALFORMED_RECORD'],
    ['a huge header', { ce_id: Buffer.alloc(70_000, 'x') }, 'LIMIT_EXCEEDED'],
  ])('%s', async (_name, changed, code) => {
    const { headers } = await encode();
    const record = received({ headers: { ...headers, ...changed }, value: png });
    await expect(decodeRecord(record)).rejects.toMatchObject({ name: 'CodecError', code });
  });

  test.each(['deflate', 'gzip', 'br'] as const)(
    'a bomb in %s, at the size that it declared',
    async (compression) => {
      const bomb = await encode(
        { compression },
        { content: { shape: [2000, 2000], dtype: 'uint8', data: new Uint8Array(4e6) } },
      );
      const small = encodeNpy({ shape: [10, 10], dtype: 'uint8', data: new Uint8Array(100) });
      const lying = Buffer.concat([small, Buffer.alloc(50e6)]);
      const record = delivered(bomb);
      expect(bomb.value.length).toBeLessThan(10_000);
      await expect(decodeRecord(record)).resolves.toMatchObject({ kind: 'image' });

      const headers = {
        'content-encoding': 'gzip',
        ce_specversion: '1.0',
        ce_type: 'x',
        ce_id: 'x',
        ce_source: 'x',
      };
      await expect(decodeRecord(received({ headers, value: gzipSync(lying) }))).rejects.toMatchObject({
        code: 'CORRUPT_PAYLOAD',
        message: expect.stringContaining('inflates to more than'),
      });
    },
  );

  test('pixels beyond the limit, before they are inflated', async () => {
    const record = delivered(
      await encode({}, { content: { shape: [100, 100], dtype: 'uint8', data: new Uint8Array(10_000) } }),
    );
    await expect(decodeRecord(record, { maxImagePixels: 9_999 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: '100 x 100 = 10000 pixels exceed the limit of 9999; maxImagePixels raises it',
    });
  });

  test('a record that has no room for a chunk', async () => {
    await expect(encode({ maxRecordBytes: 100 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});
