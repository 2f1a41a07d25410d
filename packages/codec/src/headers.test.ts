import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decodeRecord, encodeImage, encodeNpy, lastHeaderValue, ownHeaders, pixelArray } from './index.ts';
import { collect, decodeImage, received } from './records.test-support.ts';

const png = Buffer.from('\x89PNG\r\n\x1a\nthe rest is not looked at here', 'latin1');
const event = {
  ce_specversion: '1.0',
  ce_type: 'com.example.snapshot',
  ce_id: 'door-7',
  ce_source: '/camera/7',
  ce_time: '2026-01-02T03:04:05Z',
  ce_customerid: 'garden',
  ce_filename: 'door "7".png',
  ce_payloadsize: String(png.length),
  'content-type': 'image/png',
};
const bytesOfAll = (headers: Record<string, string>, change: (text: string) => string = String) =>
  Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(change(text))]));
const expected = await decodeImage(received({ headers: bytesOfAll(event), value: png }));

describe('header values in JSON quotes, as Spring writes them', () => {
  test('are read without, where the version of the event is in quotes too', async () => {
    const headers = bytesOfAll(event, (text) => JSON.stringify(text));
    expect(await decodeImage(received({ headers, value: png }))).toEqual(expected);
  });

  test('are read without, where its list of types names them', async () => {
    const types = JSON.stringify({ ce_id: 'java.lang.String', CE_CustomerId: 'java.lang.String' });
    const headers = {
      ...event,
      ce_id: '"door-7"',
      ce_customerid: '"garden"',
      spring_json_header_types: types,
    };
    expect(await decodeImage(received({ headers: bytesOfAll(headers), value: png }))).toEqual(expected);
  });

  test('are part of an id otherwise', async () => {
    const image = { id: '"a"', customerId: '"b"', source: '"c"', filename: '"d"', createdAt: new Date(0) };
    const [record] = await collect(
      encodeImage({ ...image, content: { mediaType: 'image/png', bytes: png } }),
    );
    expect(await decodeImage(received(record!))).toMatchObject(image);
  });

  test.each(['ce_time', 'ce_payloadsize', 'ce_type', 'content-type'])('are no part of %s', async (name) => {
    const headers = { ...event, [name]: JSON.stringify(event[name as 'ce_time']) };
    expect(await decodeImage(received({ headers: bytesOfAll(headers), value: png }))).toEqual(expected);
  });

  test('make a chunk all the same', async () => {
    const content = { mediaType: 'image/png', bytes: Buffer.concat([png, Buffer.alloc(3000)]) };
    const image = { id: 'i', customerId: 'c', createdAt: new Date(0), content };
    const [plain] = await collect(encodeImage(image, { maxRecordBytes: 2500 }));
    const quoted = { ...plain!, headers: bytesOfAll(plain!.headers, (text) => JSON.stringify(text)) };
    const chunk = await decodeRecord(received(plain!));
    expect(chunk.kind).toBe('chunk');
    expect(await decodeRecord(received(quoted))).toEqual(chunk);
  });

  test('name the customer of a plain image, and a structured event', async () => {
    const headers = { customer_id: Buffer.from('"garden"') };
    expect(await decodeImage(received({ value: png, headers }))).toMatchObject({ customerId: 'garden' });
    const structured = {
      specversion: '1.0',
      type: 't',
      id: 'i',
      source: '/s',
      data_base64: png.toString('base64'),
    };
    const value = Buffer.from(JSON.stringify(structured));
    const contentType = { 'content-type': Buffer.from('"application/cloudevents+json"') };
    expect(await decodeImage(received({ value, headers: contentType }))).toMatchObject({ id: 'i' });
  });

  test('that are no JSON string stay as they are', async () => {
    const odd = { ...event, ce_specversion: '"1.0"', ce_id: '"door', ce_customerid: '"' };
    const image = await decodeImage(received({ headers: bytesOfAll(odd), value: png }));
    expect(image).toMatchObject({ id: '"door', customerId: '"' });
  });
});

describe('header names', () => {
  test.each([
    ['capitals', (name: string) => name.toUpperCase()],
    ['a capital', (name: string) => name.charAt(0).toUpperCase() + name.slice(1)],
  ])('may have %s', async (_case, spelled) => {
    const headers = Object.fromEntries(
      Object.entries(bytesOfAll(event)).map(([name, value]) => [spelled(name), value]),
    );
    expect(await decodeImage(received({ headers, value: png }))).toEqual(expected);
  });

  test('in several cases: the documented one counts, then the last', () => {
    const first = { 'Content-Type': 'a', 'content-type': 'b', 'CONTENT-TYPE': 'c' };
    expect(lastHeaderValue(first, 'content-type')).toBe('b');
    expect(lastHeaderValue({ 'Content-Type': 'a', 'CONTENT-TYPE': 'c' }, 'content-type')).toBe('c');
    // One without a value counts as absent.
    expect(lastHeaderValue({ ...first, 'content-type': null }, 'content-type')).toBe('c');
    expect(lastHeaderValue({ 'Content-Type': ['a', null], 'content-type': ['b', 'd'] }, 'content-type')).toBe(
      'd',
    );
    expect(lastHeaderValue({ Content: 'a' }, 'content-type')).toBeUndefined();
  });

  test('of dead letters are theirs in any case', () => {
    const headers = { '__Connect.Errors.Topic': 'a', other: 'b' };
    expect(ownHeaders(received({ headers }))).toEqual([['other', 'b']]);
  });
});

describe('an image file with a content-encoding', () => {
  const compressed = { gzip: gzipSync(png), deflate: deflateSync(png), br: brotliCompressSync(png) };

  test.each([
    ['gzip', 'gzip'],
    ['gzip', 'GZIP'],
    ['gzip', 'x-gzip'],
    ['gzip', '"gzip"'],
    ['deflate', 'deflate'],
    ['br', 'br'],
  ] as const)('of %s, called %s, is read', async (encoding, called) => {
    const value = compressed[encoding];
    const headers = { 'Content-Encoding': Buffer.from(called) };
    const content = { mediaType: 'image/png', bytes: png };
    expect(await decodeImage(received({ value, headers, key: 'k' }))).toMatchObject({
      id: 'k-3-41',
      content,
    });
    const ofEvent = { ...bytesOfAll({ ...event, ce_payloadsize: String(value.length) }), ...headers };
    expect(await decodeImage(received({ value, headers: ofEvent }))).toEqual(expected);
  });

  test.each(['gzip', 'deflate', 'br'] as const)('of %s is no bomb', async (encoding) => {
    const zeros = Buffer.concat([png, Buffer.alloc(8 * 1024 ** 2)]);
    const compress = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync }[encoding];
    const record = received({ value: compress(zeros), headers: { 'content-encoding': encoding } });
    const limits = { maxImageBytes: 1024 ** 2, raisedBy: { maxImageBytes: '--max-image-bytes' } };
    await expect(decodeRecord(record, limits)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringMatching(
        /inflates to more than the limit of 1048576 bytes; --max-image-bytes raises it$/,
      ),
    });
    expect(await decodeImage(record)).toMatchObject({ content: { mediaType: 'image/png' } });
  });

  test.each<[name: string, encoding: string, value: Buffer, code: string, message: string]>([
    [
      'compressed twice',
      'gzip',
      gzipSync(gzipSync(png)),
      'UNSUPPORTED',
      'it looks like gzip data of a PNG file',
    ],
    [
      'that is base64',
      'gzip',
      gzipSync(png.toString('base64')),
      'UNSUPPORTED',
      'it looks like base64 of a PNG file',
    ],
    [
      'of zstd',
      'zstd',
      Buffer.from('28b52ffd0000', 'hex'),
      'UNSUPPORTED',
      'content-encoding "zstd" is not one of deflate, gzip, br',
    ],
    ['of two kinds', 'gzip, br', gzipSync(png), 'UNSUPPORTED', 'content-encoding "gzip, br" is not one of'],
    [
      'that is cut off',
      'gzip',
      gzipSync(png).subarray(0, 40),
      'CORRUPT_PAYLOAD',
      'gzip data is damaged: unexpected end of file',
    ],
    ['that is zlib', 'gzip', deflateSync(png), 'CORRUPT_PAYLOAD', 'it looks like zlib data of a PNG file'],
  ])('%s is named', async (_name, encoding, value, code, message) => {
    const record = received({ value, headers: { 'content-encoding': encoding } });
    await expect(decodeRecord(record)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  test('of an event whose value is the file as it is says so', async () => {
    const headers = { ...event, 'content-encoding': 'gzip' };
    await expect(decodeRecord(received({ value: png, headers }))).rejects.toThrow(
      'gzip data is damaged: incorrect header check; it looks like a PNG file',
    );
  });
});

describe('an NPY file', () => {
  const npy = encodeNpy(pixelArray([2, 2], 'uint8', Buffer.of(1, 2, 3, 4)));

  test.each([1, 2, 4, 5, 6, 7, 8, 11, 12, 60, 129])(
    'that is cut off after %i bytes is named',
    async (length) => {
      const error = decodeRecord(received({ value: npy.subarray(0, length) }));
      await expect(error).rejects.toThrow(
        length === 1
          ? 'it begins with the bytes 93'
          : /cut off|ends within its header|where its header announces/,
      );
    },
  );
});

describe('a record whose timestamp is no time', () => {
  test.each([
    ['1718000000250000', 'but 2024-06-10T06:13:20Z in microseconds'],
    ['1718000000250000000', 'but 2024-06-10T06:13:20Z in nanoseconds'],
    ['-99999999999999', 'is not in the years 1 to 9999;'],
    ['9223372036854775807', 'is not in the years 1 to 9999'],
    ['-1', 'its record has no timestamp'],
  ])('of %s says which date its image got', async (timestamp, says) => {
    for (const headers of [{}, { ...event, ce_time: null }]) {
      const image = await decodeImage(received({ value: png, headers, timestamp }));
      expect(image.createdAt).toEqual(new Date(0));
      expect(image.remark).toContain(says);
      expect(image.remark).toContain('the image is dated 1970-01-01T00:00:00.000Z');
    }
    const own = await decodeImage(received({ value: png, headers: event, timestamp }));
    expect(own).toEqual(expected);
  });
});

describe('texts of megabytes', () => {
  const long = 'x'.repeat(5_000_000);
  const broken = `${long}\ud800`;

  test.each<[name: string, value: object]>([
    ['an id of the Python application', { array_id: broken, customer_id: 'c', creation_time: 1, data: '' }],
    ['its time', { array_id: 'a', customer_id: 'c', creation_time: long, data: '' }],
    ['an id of an event', { specversion: '1.0', type: 't', id: broken, source: '/s', data_base64: '' }],
    [
      'a type of ours',
      { specversion: '1.0', type: `image-stream.${long}`, id: 'i', source: '/s', data_base64: '' },
    ],
    ['a version', { specversion: long }],
    ['other JSON', { [long]: long, a: [long] }],
  ])('%s makes no message of megabytes', async (_name, value) => {
    const record = received({ value: Buffer.from(JSON.stringify(value)) });
    const error = await decodeRecord(record).then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error?.name).toBe('CodecError');
    expect(error!.message.length).toBeLessThan(1100);
  });
});

test('headers that no reader takes are not sent', async () => {
  const image = {
    id: 'i',
    customerId: 'c',
    createdAt: new Date(0),
    content: { mediaType: 'image/png', bytes: png },
  };
  for (const name of ['id', 'customerId', 'source', 'filename']) {
    const encoded = collect(encodeImage({ ...image, [name]: 'x'.repeat(65_537) }));
    await expect(encoded).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
    const [record] = await collect(encodeImage({ ...image, [name]: 'x'.repeat(65_536) }));
    expect(await decodeImage(received(record!))).toMatchObject({ [name]: 'x'.repeat(65_536) });
  }
});
