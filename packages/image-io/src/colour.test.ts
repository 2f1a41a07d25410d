import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeNpy, pixelArray } from '@image-stream/codec';
import sharp from 'sharp';
import type { Metadata, Sharp } from 'sharp';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  decodePixels,
  encodingNeeded,
  fileSource,
  inspectImage,
  transcode,
  transcodeToFile,
} from './index.ts';
import type { Encoding, TranscodeOptions } from './index.ts';

type Files = Record<string, () => Promise<Buffer>>;

/** Red, green, blue and white quarters, so that colours and directions can be told apart. */
const quarters = [
  [200, 90, 80],
  [90, 180, 80],
  [80, 90, 200],
  [250, 250, 250],
];

function picture(width = 40, height = 20): Sharp {
  const data = Buffer.alloc(width * height * 3);
  for (let index = 0; index < width * height; index++) {
    const right = index % width >= width / 2 ? 1 : 0;
    const lower = index >= (width * height) / 2 ? 2 : 0;
    data.set(quarters[right + lower]!, index * 3);
  }
  return sharp(data, { raw: { width, height, channels: 3 } });
}

const noise = (): Sharp =>
  sharp({
    create: {
      width: 90,
      height: 90,
      channels: 3,
      background: 'grey',
      noise: { type: 'gaussian', sigma: 50 },
    },
  });

const deep = (): Sharp =>
  sharp(
    Uint16Array.from({ length: 40 * 20 * 3 }, (_one, index) => (index * 997) % 65_536),
    { raw: { width: 40, height: 20, channels: 3 } },
  ).toColourspace('rgb16');

const animation = async (): Promise<Sharp> => {
  const frames = ['red', 'lime', 'blue'].map((background) =>
    sharp({ create: { width: 40, height: 20, channels: 3, background } })
      .png()
      .toBuffer(),
  );
  return sharp(await Promise.all(frames), { join: { animated: true } });
};

const files = {
  grey: () => picture().toColourspace('b-w').png().toBuffer(),
  'grey JPEG': () => picture().toColourspace('b-w').jpeg().toBuffer(),
  alpha: () => picture().ensureAlpha(0.5).png().toBuffer(),
  opaque: () => picture().ensureAlpha(1).png().toBuffer(),
  '16 bits': () => deep().png().toBuffer(),
  CMYK: () => picture().toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer(),
  rotated: () => picture().withMetadata({ orientation: 6 }).jpeg({ quality: 95 }).toBuffer(),
  profile: () => picture().withIccProfile('p3').png().toBuffer(),
  'deep profile': () => deep().withIccProfile('p3').png().toBuffer(),
  progressive: () => picture().jpeg({ progressive: true, quality: 95 }).toBuffer(),
  interlaced: () => picture().png({ progressive: true }).toBuffer(),
  animated: async () => (await animation()).gif().toBuffer(),
  'animated WebP': async () => (await animation()).webp().toBuffer(),
  'one pixel': () => picture(1, 1).png().toBuffer(),
  wide: () => picture(20_000, 2).png().toBuffer(),
} satisfies Files;

async function convert(
  kind: keyof typeof files,
  encoding: Encoding,
  options?: TranscodeOptions,
): Promise<{ bytes: Uint8Array; metadata: Metadata }> {
  const { bytes } = await transcode(
    { mediaType: 'image/any', bytes: await files[kind]() },
    encoding,
    options,
  );
  return { bytes, metadata: await sharp(bytes, { pages: -1 }).metadata() };
}

/** The colour in the middle of each quarter, as sRGB. */
async function colours(bytes: Uint8Array): Promise<number[][]> {
  const { data, info } = await sharp(bytes)
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number): number[] => {
    const start = (Math.floor(y * info.height) * info.width + Math.floor(x * info.width)) * info.channels;
    return [...data.subarray(start, start + info.channels)];
  };
  return [at(0.25, 0.25), at(0.75, 0.25), at(0.25, 0.75), at(0.75, 0.75)];
}

function expectClose(actual: number[][], expected: number[][], tolerance: number): void {
  for (const [index, value] of actual.flat().entries()) {
    expect(Math.abs(value - expected.flat()[index]!), JSON.stringify({ actual, expected })).toBeLessThan(
      tolerance,
    );
  }
}

describe('colours look the same', () => {
  const kinds = ['opaque', 'CMYK', 'progressive', 'interlaced', 'profile'] as const;
  const targets = ['png', 'jpeg', 'webp', 'avif', 'tiff', 'gif'] as const;
  test.each(kinds.flatMap((kind) => targets.map((encoding) => ({ kind, encoding }))))(
    '$kind as $encoding',
    async ({ kind, encoding }) => {
      const { bytes } = await convert(kind, encoding, { quality: 95 });
      expectClose(await colours(bytes), await colours(await files[kind]()), 16);
    },
  );

  test('CMYK is converted to sRGB where it is not wanted in its own encoding', async () => {
    expect((await convert('CMYK', 'png')).metadata).toMatchObject({ space: 'srgb', channels: 3 });
  });
});

describe('what an encoding has room for stays', () => {
  test.each(['png', 'jpeg', 'tiff'] as const)('grey as %s', async (encoding) => {
    expect((await convert('grey', encoding)).metadata).toMatchObject({ space: 'b-w', channels: 1 });
  });

  test.each(['png', 'webp', 'avif', 'tiff'] as const)('transparency as %s', async (encoding) => {
    const { bytes, metadata } = await convert('alpha', encoding);
    expect(metadata.hasAlpha).toBe(true);
    const [alpha] = await sharp(bytes).extractChannel('alpha').raw().toBuffer();
    expect(Math.abs(alpha! - 128)).toBeLessThan(3);
  });

  test.each(['png', 'tiff', 'npy'] as const)('16 bits as %s', async (encoding) => {
    const before = { mediaType: 'image/png', bytes: await files['16 bits']() };
    const after = await transcode(before, encoding);
    const pixels = await decodePixels(after);
    expect(pixels.dtype).toBe('uint16');
    expect(pixels).toEqual(await decodePixels(before));
  });

  test.each(['png', 'jpeg', 'webp', 'avif', 'tiff'] as const)('a colour profile as %s', async (encoding) => {
    const { metadata } = await convert('profile', encoding);
    expect(metadata.icc).toEqual((await sharp(await files.profile()).metadata()).icc);
  });

  test('a colour profile of 16 bits', async () => {
    const { metadata } = await convert('deep profile', 'tiff');
    expect(metadata).toMatchObject({ depth: 'ushort', hasProfile: true });
  });

  test.each([
    ['animated', 'webp'],
    ['animated WebP', 'gif'],
  ] as const)('every frame of %s as %s', async (kind, encoding) => {
    const { metadata } = await convert(kind, encoding);
    expect(metadata).toMatchObject({ pages: 3, width: 40, pageHeight: 20 });
  });

  test('every page of a TIFF', async () => {
    const bytes = await (await animation()).tiff({ compression: 'none' }).toBuffer();
    expect(
      await inspectImage({ size: bytes.length, read: async (a, b) => bytes.subarray(a, b) }),
    ).toMatchObject({
      frames: 3,
      height: 20,
    });
    const again = await transcode({ mediaType: 'image/tiff', bytes }, 'tiff');
    expect((await sharp(again.bytes).metadata()).pages).toBe(3);
  });
});

describe('upright', () => {
  test.each(['png', 'jpeg', 'webp', 'avif', 'tiff', 'gif'] as const)('as %s', async (encoding) => {
    const { bytes, metadata } = await convert('rotated', encoding, { quality: 95 });
    expect(metadata).toMatchObject({ width: 20, height: 40 });
    expect(metadata.orientation ?? 1).toBe(1);
    const [topLeft, topRight, bottomLeft, bottomRight] = quarters;
    expectClose(await colours(bytes), [bottomLeft!, topLeft!, bottomRight!, topRight!], 16);
  });

  test('as pixels', async () => {
    const { shape } = await decodePixels({ mediaType: 'image/jpeg', bytes: await files.rotated() });
    expect(shape).toEqual([40, 20, 3]);
  });
});

describe('what an encoding has no room for is refused with an alternative', () => {
  test.each([
    ['16 bits', 'jpeg', 'image has 16 bits a channel, jpeg holds 8; use png, tiff or npy'],
    ['16 bits', 'gif', 'image has 16 bits a channel'],
    ['alpha', 'gif', 'image is partly transparent in places, gif knows only all or nothing'],
    ['alpha', 'jpeg', 'image is transparent in places, jpeg cannot be; use png, webp, avif or tiff'],
    ['animated', 'png', 'image has 3 frames, png takes one of these; use original or webp or gif'],
    ['animated', 'jpeg', 'image has 3 frames'],
    ['animated', 'npy', 'image has 3 frames'],
    [
      'wide',
      'webp',
      'image has 20000 x 2 pixels, webp takes at most 16383 a side; use png or tiff, or --resize',
    ],
    ['wide', 'avif', 'avif takes at most 16384 a side'],
  ] as const)('%s as %s', async (kind, encoding, message) => {
    const refused = convert(kind, encoding);
    await expect(refused).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await expect(refused).rejects.toThrow(message);
  });

  test('the frames of an animated PNG', async () => {
    const png = await picture().png().toBuffer();
    const control = Buffer.from('\0\0\0\x08acTL\0\0\0\x02\0\0\0\0\0\0\0\0', 'latin1');
    const frame = Buffer.from(`\0\0\0\x1afcTL${'\0'.repeat(30)}`, 'latin1');
    const bytes = Buffer.concat([png.subarray(0, 33), control, frame, frame, png.subarray(33)]);
    await expect(transcode({ mediaType: 'image/png', bytes }, 'jpeg')).rejects.toThrow(
      'image has 2 frames, jpeg takes one of these; use original',
    );
  });

  test('alpha that says nothing is dropped', async () => {
    expect((await convert('opaque', 'jpeg')).metadata.channels).toBe(3);
  });
});

describe('resize', () => {
  test.each([
    ['grey', 'png', 10, 10, 10, 5],
    ['rotated', 'jpeg', 10, 10, 5, 10],
    ['wide', 'webp', 1000, 1000, 1000, 1],
    ['16 bits', 'png', 20, 1000, 20, 10],
  ] as const)(
    '%s as %s inside %i x %i',
    async (kind, encoding, width, height, expectedWidth, expectedHeight) => {
      const { metadata } = await convert(kind, encoding, { resize: { width, height } });
      expect(metadata).toMatchObject({ width: expectedWidth, height: expectedHeight });
    },
  );

  test('every frame of an animation', async () => {
    const { metadata } = await convert('animated', 'gif', { resize: { width: 20, height: 20 } });
    expect(metadata).toMatchObject({ pages: 3, width: 20, pageHeight: 10 });
  });

  test('never enlarges', async () => {
    const { metadata } = await convert('one pixel', 'png', { resize: { width: 20, height: 20 } });
    expect(metadata).toMatchObject({ width: 1, height: 1 });
  });
});

describe('an image stays as it is', () => {
  const jpeg = async () => ({ mediaType: 'image/jpeg', bytes: await files['grey JPEG']() });

  test.each([
    ['as original', 'original', {}, undefined],
    ['in the encoding that it has', 'jpeg', {}, undefined],
    ['not in another encoding', 'png', {}, 'png'],
    ['not in another quality', 'jpeg', { quality: 50 }, 'jpeg'],
    ['when it fits', 'original', { resize: { width: 40, height: 20 } }, undefined],
    ['not when it does not fit', 'original', { resize: { width: 20, height: 40 } }, 'jpeg'],
  ] as const)('%s', async (_what, wanted, options, needed) => {
    expect(await encodingNeeded(await jpeg(), wanted, options)).toBe(needed);
  });

  test('also as npy with more channels than an image file has', async () => {
    const pixels = pixelArray([2, 2, 5], 'uint8', new Uint8Array(20));
    const file = { mediaType: 'application/x-npy', bytes: encodeNpy(pixels) };
    expect(await encodingNeeded(pixels, 'npy', {})).toBeUndefined();
    expect(await encodingNeeded(file, 'npy', {})).toBeUndefined();
  });

  test('but is turned upright where an encoding was asked for', async () => {
    const rotated = { mediaType: 'image/jpeg', bytes: await files.rotated() };
    expect(await encodingNeeded(rotated, 'jpeg', {})).toBe('jpeg');
    expect(await encodingNeeded(rotated, 'original', {})).toBeUndefined();
  });

  test('and is refused where an encoding was asked for and its pixels are damaged', async () => {
    const whole = await noise().jpeg().toBuffer();
    const bytes = Buffer.concat([whole.subarray(0, whole.length / 2), Buffer.of(0xff, 0xd9)]);
    const damaged = { mediaType: 'image/jpeg', bytes };
    await expect(encodingNeeded(damaged, 'jpeg', {})).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
    expect(await encodingNeeded(damaged, 'original', {})).toBeUndefined();
  });
});

test('from file to file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'image-io-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const from = join(folder, 'scan.tif');
  const to = join(folder, 'result');
  await writeFile(from, await deep().tiff({ compression: 'none' }).toBuffer());
  const content = { mediaType: 'image/tiff', source: await fileSource(from) };
  expect(await transcodeToFile(content, 'png', to)).toEqual({ mediaType: 'image/png' });
  const after = { mediaType: 'image/png', bytes: await readFile(to) };
  expect(await decodePixels(after)).toEqual(await decodePixels(content));
});
