import { gzipSync } from 'node:zlib';
import { deadLetterHeaders, encodeImage, encodeNpy } from '@image-stream/codec';
import type { Image, ReceivedRecord } from '@image-stream/codec';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { describeRecord, generateImage, previewOf, thumbnailOf } from './index.ts';

const attributes = { id: 'a-1', customerId: 'garden', createdAt: new Date('2026-11-24T08:00:00Z') };
const pixels = generateImage({ pattern: 'rings', width: 60, height: 40, seed: 'a', index: 0 });

describe('a record is described', () => {
  test('with an image file', async () => {
    const bytes = await sharp(pixels.data, { raw: { width: 60, height: 40, channels: 3 } })
      .png()
      .toBuffer();
    const [record] = await records({ ...attributes, content: { mediaType: 'image/png', bytes } });
    const { description, content } = await describeRecord(record!);
    expect(description).toMatchObject({
      partition: 3,
      offset: '7',
      format: 'cloudevents',
      id: 'a-1',
      customerId: 'garden',
      type: 'image/png',
      width: 60,
      height: 40,
      imageBytes: bytes.length,
      compression: 'none',
    });
    expect(content).toMatchObject({ mediaType: 'image/png' });
  });

  test.each([
    ['plain', {}],
    ['cloudevents', { ce_specversion: '1.0', ce_id: 'a-1', ce_source: '/s', ce_type: 't' }],
  ])('with an image file that another program compressed, %s', async (format, headers) => {
    const png = await sharp(pixels.data, { raw: { width: 60, height: 40, channels: 3 } })
      .png()
      .toBuffer();
    const record: ReceivedRecord = {
      topic: 'images',
      partition: 3,
      offset: '7',
      timestamp: '1700000000000',
      key: null,
      headers: { ...headers, 'content-type': 'image/png', 'content-encoding': 'gzip' },
      value: gzipSync(png),
    };
    expect((await describeRecord(record)).description).toMatchObject({
      format,
      type: 'image/png',
      width: 60,
      compression: 'gzip',
    });
  });

  test('with pixels of the Python application', async () => {
    const [record] = await records({ ...attributes, content: pixels }, 'python-json');
    expect((await describeRecord(record!)).description).toMatchObject({
      format: 'python-json',
      type: 'uint8 pixels',
      imageBytes: 7200,
      compression: 'zlib, base64',
    });
  });

  test('with a part of an image', async () => {
    const bytes = Buffer.alloc(5000, 1);
    const all = await records(
      { ...attributes, content: { mediaType: 'image/png', bytes } },
      'cloudevents',
      3000,
    );
    const { description } = await describeRecord(all[1]!);
    expect(description).toMatchObject({
      id: 'a-1',
      imageBytes: 5000,
      chunk: { index: 1, count: all.length },
    });
  });

  test('that is no image, with the reason', async () => {
    const bytes = Buffer.from('\x89PNG\r\n\x1a\nand no more', 'latin1');
    const [record] = await records({ ...attributes, content: { mediaType: 'image/png', bytes } });
    const { description, content } = await describeRecord(record!);
    expect(description).toMatchObject({ id: 'a-1', problem: expect.stringMatching(/PNG/) });
    expect(content).toBeUndefined();
  });

  test('with headers that have no value as without them', async () => {
    const npy = Buffer.from(encodeNpy(pixels));
    const headers = { ce_specversion: '1.0', ce_type: 't', ce_id: 'i', ce_source: '/s' };
    const record = { ...place, key: null, value: npy, headers };
    const names = ['content-encoding', 'content-type', 'ce_imageid', 'ce_customerid', 'ce_filename'];
    const nulls = Object.fromEntries(names.map((name) => [name, null]));
    const described = await describeRecord({ ...record, headers: { ...headers, ...nulls } });
    expect(described).toEqual(await describeRecord(record));
    expect(described.description).toMatchObject({ customerId: '/s', compression: 'none' });
    // Of one that cannot be read, what is known stays.
    const bad = { ...record, headers: { ...headers, ce_source: null, ce_customerid: [null, null] } };
    const { description } = await describeRecord(bad);
    expect(description).toMatchObject({ id: 'i', problem: expect.any(String) as string });
    expect(description).not.toHaveProperty('customerId');
  });

  test('that was put aside, with where it was and why', async () => {
    const record = { ...place, key: null, value: null };
    const headers = deadLetterHeaders(record, 'TASK_PUT', new RangeError('too much'));
    const { description } = await describeRecord({ ...record, topic: 'other', headers });
    expect(description.deadLetter).toEqual({
      topic: 't',
      partition: 3,
      offset: '7',
      timestamp: Number(place.timestamp),
      errorClass: 'RangeError',
      message: 'too much',
    });
  });
});

describe('a preview', () => {
  test.each([8, 100])('of 16 bits, at most %i pixels a side, is a square of 8 bits', async (side) => {
    const { height, width } = { height: 40, width: 60 };
    const data = new Uint16Array(height * width).fill(40_000);
    const { bytes } = await thumbnailOf({ shape: [height, width], dtype: 'uint16', data }, side);
    const expected = Math.min(side, 40);
    expect(await sharp(bytes).metadata()).toMatchObject({
      format: 'webp',
      height: expected,
      depth: 'uchar',
    });
  });

  test('of an animation is its first frame', async () => {
    const frames = Buffer.concat([Buffer.alloc(300, 255), Buffer.alloc(300, 0)]);
    const gif = await sharp(frames, { raw: { width: 10, height: 20, channels: 3, pageHeight: 10 } })
      .gif()
      .toBuffer();
    const { bytes } = await previewOf({ mediaType: 'image/gif', bytes: gif });
    const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, data[0], data.at(-1)]).toEqual([10, 10, 255, 255]);
  });
});

const place = { topic: 't', partition: 3, offset: '7', timestamp: '1764000000000' };

async function records(
  image: Image,
  format: 'cloudevents' | 'python-json' = 'cloudevents',
  maxRecordBytes = 1_000_000,
): Promise<ReceivedRecord[]> {
  const all: ReceivedRecord[] = [];
  for await (const record of encodeImage(image, { format, maxRecordBytes })) {
    all.push({ ...place, ...record, key: Buffer.from(record.key) });
  }
  return all;
}
