import { createHash } from 'node:crypto';
import { bytesOf } from '@image-stream/codec';
import { describe, expect, test } from 'vitest';
import { generateImage, patterns } from './index.ts';

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

describe.each(patterns)('%s', (pattern) => {
  const options = { pattern, width: 40, height: 30, seed: 'a', index: 0 };
  const hash = (changed: Partial<typeof options>): string =>
    sha256(bytesOf(generateImage({ ...options, ...changed })));

  test('has the shape (height, width, 3)', () => {
    const { shape, dtype, data } = generateImage(options);
    expect({ shape, dtype, bytes: data.length }).toEqual({ shape: [30, 40, 3], dtype: 'uint8', bytes: 3600 });
  });

  test('is the same for the same seed and index only', () => {
    expect(hash({})).toBe(hash({}));
    expect(hash({ seed: 'b' })).not.toBe(hash({}));
    expect(hash({ index: 1 })).not.toBe(hash({}));
  });
});

test('a seed gives the same pixels on every machine and in every release', () => {
  const hashes = patterns.map((pattern) => {
    const pixels = generateImage({ pattern, width: 64, height: 48, seed: '42', index: 7 });
    return [pattern, sha256(bytesOf(pixels)).slice(0, 16)];
  });
  expect(Object.fromEntries(hashes)).toMatchInlineSnapshot(`
    {
      "bars": "4812b32a10d80a05",
      "checkerboard": "488397ecae41f17c",
      "gradient": "5f20823c9b966f46",
      "mandelbrot": "3d2d51c355e67684",
      "noise": "c177239f9e90d53e",
      "rings": "5fdc626505d383b1",
    }
  `);
});
