import { encodeNpy } from '@image-stream/codec';
import type { Image } from '@image-stream/codec';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { previewOf, thumbnailOf } from './preview.ts';

/** A ramp from left to right. */
function ramp(from: number, to: number, channels = 1) {
  const [width, height] = [64, 32];
  const data = Uint16Array.from({ length: width * height * channels }, (_, index) => {
    const column = Math.floor(index / channels) % width;
    return Math.round(from + ((to - from) * column) / (width - 1));
  });
  const shape = channels === 1 ? ([height, width] as const) : ([height, width, channels] as const);
  return { dtype: 'uint16', shape, data } as const;
}

async function png(pixels: ReturnType<typeof ramp>): Promise<Image['content']> {
  const [height, width, channels = 1] = pixels.shape;
  const bytes = await sharp(pixels.data, { raw: { width, height, channels: channels as 1 | 3 | 4 } })
    .toColourspace(channels === 1 ? 'grey16' : 'rgb16')
    .png()
    .toBuffer();
  return { mediaType: 'image/png', bytes };
}

/** The least and the largest value of all colours, of 8 bits. */
async function levelsOf({ bytes }: { readonly bytes: Uint8Array }): Promise<[number, number]> {
  const { channels } = await sharp(bytes).removeAlpha().stats();
  return [Math.min(...channels.map(({ min }) => min)), Math.max(...channels.map(({ max }) => max))];
}

test.each([
  ['an array', (pixels: ReturnType<typeof ramp>) => pixels],
  [
    'an npy file',
    (pixels: ReturnType<typeof ramp>) => ({ mediaType: 'application/x-npy', bytes: encodeNpy(pixels) }),
  ],
  ['a PNG', png],
])(
  'of 16 bits with 12 in them, %s is stretched in its thumbnail, and in its preview on wish',
  async (_, made) => {
    for (const channels of [1, 3]) {
      const content = await made(ramp(200, 4095, channels));
      expect(await levelsOf(await previewOf(content))).toEqual([0, 15]);
      for (const image of [await previewOf(content, { stretch: true }), await thumbnailOf(content, 440)]) {
        const [black, white] = await levelsOf(image);
        expect([black < 4, white > 251]).toEqual([true, true]);
      }
    }
  },
);

test('the alpha of a stretched picture stays as it is', async () => {
  const content = await png(ramp(200, 4000, 4));
  const { channels } = await sharp((await previewOf(content, { stretch: true })).bytes).stats();
  expect(channels).toHaveLength(4);
  expect(channels[3]!.max).toBe(Math.floor(4000 / 256));
});

test('a thumbnail of all 16 bits is as the image is, and so is one of a single value', async () => {
  const [darkest, brightest] = await levelsOf(await thumbnailOf(await png(ramp(10_000, 50_000)), 440));
  // 39 and 195, but for what WebP loses.
  expect([Math.abs(darkest - 39) < 4, Math.abs(brightest - 195) < 4]).toEqual([true, true]);
  expect(await levelsOf(await thumbnailOf(await png(ramp(2000, 2000)), 440))).toEqual([7, 7]);
});
