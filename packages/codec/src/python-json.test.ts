import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { bytesOf, encodeImage, isPixelArray } from './index.ts';
import type { Image } from './index.ts';
import { collect, decodeImage, received } from './records.test-support.ts';

const vectors = new URL('../vectors/', import.meta.url);

interface Expected {
  value_file: string;
  customer_id: string;
  array_id: string;
  creation_time: number;
  shape: number[];
  pixels_sha256: string;
}
const expected: Record<string, Expected> = JSON.parse(
  readFileSync(new URL('expected.json', vectors), 'utf8'),
);

describe('messages of the Python application', () => {
  test.each(Object.entries(expected))('%s decodes to its pixels', async (_name, vector) => {
    const image = await decodeImage(received({ value: readFileSync(new URL(vector.value_file, vectors)) }));

    expect(image.id).toBe(vector.array_id);
    expect(image.customerId).toBe(vector.customer_id);
    expect(image.createdAt.getTime()).toBe(vector.creation_time * 1000);
    expect(pixelsOf(image).shape).toEqual(vector.shape);
    expect(
      createHash('sha256')
        .update(bytesOf(pixelsOf(image)))
        .digest('hex'),
    ).toBe(vector.pixels_sha256);
  });

  test('what is written has its members, in its order, and the shape', async () => {
    const data = Uint8Array.from({ length: 4 * 5 * 3 }, (_, index) => index);
    const image: Image = {
      id: 'a-1',
      customerId: 'caf\u00e9 "x"',
      createdAt: new Date(1_718_000_000_250),
      content: { shape: [4, 5, 3], dtype: 'uint8', data },
    };
    const [record] = await collect(encodeImage(image, { format: 'python-json' }));
    const message = JSON.parse(record!.value.toString());

    expect(Object.keys(message)).toEqual(['customer_id', 'data', 'array_id', 'creation_time', 'shape']);
    expect(message).toMatchObject({
      customer_id: 'caf\u00e9 "x"',
      array_id: 'a-1',
      creation_time: 1_718_000_000.25,
    });
    expect(new Uint8Array(inflateSync(Buffer.from(message.data, 'base64')))).toEqual(data);
    expect(record!.key).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each(['1935-10-11T15:07:28.308Z', '2026-11-24T10:00:00.001Z', '2001-01-01T23:59:59.999Z'])(
    'the time %s comes back to the millisecond',
    async (time) => {
      const content = { shape: [1, 1], dtype: 'uint8', data: Uint8Array.of(0) } as const;
      const original: Image = { id: 'a', customerId: 'c', createdAt: new Date(time), content };
      const [record] = await collect(encodeImage(original, { format: 'python-json' }));

      const image = await decodeImage(received({ value: record!.value }));

      expect(image.createdAt.toISOString()).toBe(time);
    },
  );

  test.each([
    [
      'uint16 pixels',
      { shape: [1, 1], dtype: 'uint16', data: new Uint16Array(1) } as const,
      /uint8 pixels only, not uint16/,
    ],
    ['an encoded image', { mediaType: 'image/png', bytes: Buffer.of(1) }, /not image\/png/],
  ])('cannot carry %s', async (_name, content, message) => {
    const image: Image = { id: 'a', customerId: 'c', createdAt: new Date(0), content };
    await expect(collect(encodeImage(image, { format: 'python-json' }))).rejects.toThrow(message);
  });
});

function pixelsOf({ content }: Image) {
  if (!isPixelArray(content)) {
    throw new Error(`expected pixels, got ${content.mediaType}`);
  }
  return content;
}
