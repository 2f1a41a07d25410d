import { bytesOf, pixelArray } from '@image-stream/codec';
import type { PixelArray, Shape } from '@image-stream/codec';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { decodePixels, generateImage, samePixels, transcode } from './index.ts';

function ramp(shape: Shape, dtype: PixelArray['dtype']): PixelArray {
  const values = shape.reduce((product: number, n) => product * n, 1);
  const data = Uint16Array.from(
    { length: values },
    (_, index) => (index * 997) % (dtype === 'uint8' ? 256 : 65_536),
  );
  return pixelArray(shape, dtype, dtype === 'uint8' ? Uint8Array.from(data) : new Uint8Array(data.buffer));
}

describe('PNG and NPY keep every pixel', () => {
  const shapes: Shape[] = [
    [7, 5],
    [7, 5, 2],
    [7, 5, 3],
    [7, 5, 4],
    [1, 1],
    [1, 300, 3],
  ];
  const cases = (['uint8', 'uint16'] as const).flatMap((dtype) => shapes.map((shape) => ({ dtype, shape })));

  test.each(cases)('$dtype of shape $shape', async ({ dtype, shape }) => {
    const pixels = ramp(shape, dtype);
    const png = await transcode(pixels, 'png');
    const decoded = await decodePixels(png);
    expect(decoded.shape).toEqual(shape);
    expect(decoded.dtype).toBe(dtype);
    expect(bytesOf(decoded)).toEqual(bytesOf(pixels));
    expect(await transcode(png, 'npy')).toEqual(await transcode(pixels, 'npy'));
  });
});

test.each(['jpeg', 'webp', 'avif'] as const)('%s looks like the image', async (encoding) => {
  const pixels = generateImage({ pattern: 'gradient', width: 64, height: 64, seed: '1', index: 0 });
  const encoded = await transcode(pixels, encoding, { quality: 90 });
  const decoded = await decodePixels(encoded);
  const difference = bytesOf(decoded).reduce(
    (sum, value, index) => sum + Math.abs(value - pixels.data[index]!),
    0,
  );
  expect(encoded.mediaType).toBe(`image/${encoding}`);
  expect(decoded.shape).toEqual([64, 64, 3]);
  expect(difference / pixels.data.length).toBeLessThan(4);
});

test('quality is passed on', async () => {
  const pixels = generateImage({ pattern: 'mandelbrot', width: 200, height: 200, seed: '1', index: 0 });
  const [low, high] = await Promise.all([10, 95].map((quality) => transcode(pixels, 'jpeg', { quality })));
  expect(low!.bytes.length).toBeLessThan(high!.bytes.length / 2);
});

test('noise is stored, patterns are deflated', async () => {
  const size = async (pattern: 'noise' | 'bars') =>
    (await transcode(generateImage({ pattern, width: 256, height: 256, seed: '1', index: 0 }), 'png')).bytes
      .length;
  expect(await size('noise')).toBeGreaterThan(256 * 256 * 3);
  expect(await size('bars')).toBeLessThan(10_000);
});

test('the same pixels compressed in another way are the same', async () => {
  const pixels = generateImage({ pattern: 'rings', width: 50, height: 50, seed: '1', index: 0 });
  const png = await transcode(pixels, 'png');
  const again = {
    mediaType: 'image/png',
    bytes: await sharp(png.bytes).png({ compressionLevel: 1 }).toBuffer(),
  };
  const other = await transcode(
    generateImage({ pattern: 'rings', width: 50, height: 50, seed: '2', index: 0 }),
    'png',
  );
  expect(again.bytes).not.toEqual(png.bytes);
  expect(await samePixels(png, again)).toBe(true);
  expect(await samePixels(png, other)).toBe(false);
});

test.each([
  [
    'a truncated PNG',
    async () => (await transcode(ramp([90, 90, 3], 'uint8'), 'png')).bytes.subarray(0, 300),
    'INVALID_IMAGE',
  ],
  ['bytes that are no image', async () => Buffer.from('hello'), 'INVALID_IMAGE'],
])('%s is refused', async (_name, bytes, code) => {
  await expect(transcode({ mediaType: 'image/png', bytes: await bytes() }, 'jpeg')).rejects.toMatchObject({
    code,
  });
});

test.each([
  ['16 bits in a jpeg', ramp([2, 2], 'uint16'), 'jpeg'],
  ['five channels in a png', ramp([2, 2, 5], 'uint8'), 'png'],
] as const)('%s: refused', async (_name, pixels, encoding) => {
  await expect(transcode(pixels, encoding)).rejects.toMatchObject({
    name: 'ImageIoError',
    code: 'UNSUPPORTED',
  });
});

test('an image beyond the pixel limit is not decoded', async () => {
  const png = await transcode(ramp([20, 20], 'uint8'), 'png');
  await expect(transcode(png, 'webp', { maxImagePixels: 399 })).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
  });
  await expect(transcode(png, 'webp', { maxImagePixels: 400 })).resolves.toBeDefined();
});
