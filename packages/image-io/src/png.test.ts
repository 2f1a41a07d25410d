import { randomBytes } from 'node:crypto';
import { bytesOf, pixelArray } from '@image-stream/codec';
import type { PixelArray, Shape } from '@image-stream/codec';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { encodePhotograph, pngForm } from './png.ts';
import { decodePixels, transcode } from './transcode.ts';

const side = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 60, max: 140 }));
const arrays = fc.record({
  height: side,
  width: side,
  channels: fc.constantFrom(undefined, 1, 2, 3, 4),
  dtype: fc.constantFrom('uint8' as const, 'uint16' as const),
  kind: fc.constantFrom('noise', 'photograph', 'drawing'),
});

type Kind = 'noise' | 'photograph' | 'drawing';

/** What a pixel is like, by what surrounds it: nothing, nearly the same, or the same for a while. */
function bytesLike(kind: Kind, count: number, rowBytes: number): Buffer {
  const noise = randomBytes(count);
  if (kind === 'noise') {
    return noise;
  }
  return Buffer.from(
    noise.map((random, index) => {
      const [x, y] = [index % rowBytes, Math.floor(index / rowBytes)];
      return kind === 'drawing' ? (x >> 5) * 40 + (y >> 3) : x / 3 + 2 * y + (random % 8);
    }),
  );
}

function arrayLike(kind: Kind, shape: Shape, dtype: PixelArray['dtype'] = 'uint8'): PixelArray {
  const [height, width, channels = 1] = shape;
  const bytes = height * width * channels * (dtype === 'uint8' ? 1 : 2);
  return pixelArray(shape, dtype, bytesLike(kind, bytes, bytes / height));
}

test('libvips reads the pixels that were written, of every shape, dtype and kind', async () => {
  await fc.assert(
    fc.asyncProperty(arrays, async ({ height, width, channels, dtype, kind }) => {
      const shape: Shape = channels === undefined ? [height, width] : [height, width, channels];
      const array = arrayLike(kind, shape, dtype);
      const decoded = await decodePixels({ mediaType: 'image/png', bytes: await encodePhotograph(array) });
      expect(decoded.dtype).toBe(dtype);
      expect(decoded.shape).toEqual(channels === 1 ? [height, width] : shape);
      expect(bytesOf(decoded).equals(bytesOf(array))).toBe(true);
    }),
    { numRuns: 300 },
  );
});

describe('the form follows from what is shown', () => {
  test.each(['noise', 'photograph', 'drawing'] as const)('%s', (kind) => {
    expect(pngForm(arrayLike(kind, [400, 300, 3]))).toBe(kind);
  });

  test('so that each kind of file is small', async () => {
    const sizeOf = async (kind: Kind): Promise<{ own: number; deflated: number; pixels: number }> => {
      const array = arrayLike(kind, [400, 300, 3]);
      const pixels = bytesOf(array);
      const own = await transcode(array, 'png');
      const deflated = await sharp(pixels, { raw: { width: 300, height: 400, channels: 3 } })
        .png()
        .toBuffer();
      return { own: own.bytes.length, deflated: deflated.length, pixels: pixels.length };
    };
    const [noise, photograph] = [await sizeOf('noise'), await sizeOf('photograph')];
    expect(noise.own).toBeLessThan(noise.pixels * 1.005);
    expect(photograph.own).toBeLessThan(photograph.deflated * 0.8);
  });
});
