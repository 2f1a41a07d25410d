// What a file holds beside its pixels, or instead of them, and what becomes of it when the image is re-encoded.
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { describe, expect, onTestFinished, test } from 'vitest';
import { decodePixels, fileSource, thumbnailOf, transcode } from './index.ts';
import { chunk } from './inspect/png.test-support.ts';
import { pair, picture, segment } from './inspect/jpeg.test-support.ts';
import { tiff } from './inspect/tiff.test-support.ts';

const solid = (background: string, side = 20): Sharp =>
  sharp({ create: { width: side, height: side, channels: 3, background } });

/** The same each time, so that what is damaged in it is damaged each time. */
const noise = (): Sharp => {
  const [width, height, channels] = [90, 90, 3] as const;
  const pixels = createHash('shake256', { outputLength: width * height * channels });
  return sharp(pixels.digest(), { raw: { width, height, channels } });
};

/** A JPEG without the second half of its coded data. */
const half = (jpeg: Buffer): Buffer =>
  Buffer.concat([jpeg.subarray(0, jpeg.length / 2), Buffer.of(0xff, 0xd9)]);

/** A file with zeros in its middle; of a PNG, with the CRC that belongs to them. */
function zeroed(file: Buffer): Buffer {
  const copy = Buffer.from(file);
  const middle = copy.length >> 1;
  copy.fill(0, middle, middle + 400);
  const data = copy.indexOf('IDAT');
  if (data > 0 && copy.toString('latin1', 1, 4) === 'PNG') {
    const length = copy.readUInt32BE(data - 4);
    copy.writeUInt32BE(crc32(copy.subarray(data, data + 4 + length)), data + 4 + length);
  }
  return copy;
}

/** What sharp writes into a TIFF, and where: each tag, and the place of its number. */
function tagsOf(file: Buffer): Map<number, number> {
  const start = file.readUInt32LE(4);
  const places = Array.from({ length: file.readUInt16LE(start) }, (_one, entry) => start + 2 + 12 * entry);
  return new Map(places.map((place) => [file.readUInt16LE(place), place]));
}

/** A page of one strip of grey pixels. */
const page = (
  side: number,
  more: Record<number, number | number[]> = {},
): Record<number, number | number[]> => ({
  ...{ 256: side, 257: side, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: side, 279: side * side },
  ...more,
});
const grey = (side: number): Buffer => Buffer.alloc(side * side, 90);

describe('what would be lost is refused with the reason, and still shown small', () => {
  const animation = async (frames: number, isFirstIn: boolean): Promise<Buffer> => {
    const png = await solid('red').png().toBuffer();
    const count = Buffer.alloc(8);
    count.writeUInt32BE(frames);
    const control = Buffer.concat(Array.from({ length: frames }, () => chunk('fcTL', Buffer.alloc(26))));
    const end = png.length - 12;
    const parts = isFirstIn
      ? [png.subarray(0, 33), chunk('acTL', count), control, png.subarray(33)]
      : [png.subarray(0, 33), chunk('acTL', count), png.subarray(33, end), control, png.subarray(end)];
    return Buffer.concat(parts);
  };
  test.each<[string, string, () => Promise<Buffer>]>([
    ['holds 2 pictures', 'image/jpeg', async () => (await pair()).file],
    [
      'holds a film (motion photo)',
      'image/jpeg',
      async () => Buffer.concat([await picture(20), Buffer.from('\0\0\0\x18ftypmp42\0\0\0\0', 'latin1')]),
    ],
    [
      'holds a film (motion photo)',
      'image/jpeg',
      async () =>
        Buffer.concat([await picture(20), Buffer.alloc(500, 'note'), Buffer.from('\0\0\0\x18ftypisom')]),
    ],
    [
      'holds another picture after the first',
      'image/jpeg',
      async () => Buffer.concat([await picture(20), Buffer.alloc(7), await picture(10)]),
    ],
    ['holds a picture beside its animation', 'image/png', () => animation(1, false)],
    ['has 2 frames', 'image/png', () => animation(2, true)],
    [
      'is in colours beyond sRGB (primaries 9, transfer 16',
      'image/png',
      async () => {
        const png = await solid('red').png().toBuffer();
        return Buffer.concat([png.subarray(0, 33), chunk('cICP', Buffer.of(9, 16, 0, 1)), png.subarray(33)]);
      },
    ],
    [
      'holds its picture of 30 x 30 pixels below a smaller page',
      'image/tiff',
      async () => {
        const file = tiff([page(10, { 330: 0 }), page(30)], undefined, grey(30));
        // The second directory is below the first one, not behind it.
        const first = file.readUInt32LE(4);
        const behind = first + 2 + 12 * file.readUInt16LE(first);
        file.writeUInt32LE(file.readUInt32LE(behind), tagsOf(file).get(330)! + 8);
        file.writeUInt32LE(0, behind);
        return file;
      },
    ],
    [
      'holds pages of different sizes',
      'image/tiff',
      async () => tiff([page(10), page(20)], undefined, grey(20)),
    ],
    [
      'holds smaller copies between its pages',
      'image/tiff',
      async () => tiff([page(20), page(10, { 254: 1 }), page(20)], undefined, grey(20)),
    ],
  ])('%s', async (reason, mediaType, make) => {
    const content = { mediaType, bytes: await make() };
    for (const encoding of ['tiff', 'npy'] as const) {
      const refused = transcode(content, encoding);
      await expect(refused).rejects.toMatchObject({ name: 'ImageIoError', code: 'UNSUPPORTED' });
      await expect(refused).rejects.toThrow(`image ${reason}`);
      await expect(refused).rejects.toThrow('use original');
    }
    expect((await thumbnailOf(content, 8)).bytes.length).toBeGreaterThan(0);
  });
});

describe('what loses nothing is re-encoded', () => {
  test.each<[string, string, () => Promise<Buffer>]>([
    ['a smaller copy for screens', 'image/jpeg', async () => (await pair(3, 0, 0x01_0001)).file],
    [
      'padding and notes at the end',
      'image/jpeg',
      async () => Buffer.concat([await picture(30), Buffer.alloc(50), Buffer.from('written by hand')]),
    ],
    [
      'an animation that the picture is the only frame of',
      'image/png',
      async () => {
        const png = await solid('red', 30).png().toBuffer();
        const parts = [chunk('acTL', Buffer.of(0, 0, 0, 1, 0, 0, 0, 0)), chunk('fcTL', Buffer.alloc(26))];
        return Buffer.concat([png.subarray(0, 33), ...parts, png.subarray(33)]);
      },
    ],
    [
      'a page before which its small copy lies',
      'image/tiff',
      async () => tiff([page(10, { 254: 1 }), page(30)], undefined, grey(30)),
    ],
    [
      'small copies at the end',
      'image/tiff',
      async () => tiff([page(30), page(10, { 254: 1 })], undefined, grey(30)),
    ],
    [
      'a single page that says it is a copy',
      'image/tiff',
      async () => tiff([page(30, { 254: 1 })], undefined, grey(30)),
    ],
  ])('%s', async (_what, mediaType, make) => {
    const { shape } = await decodePixels({ mediaType, bytes: await make() });
    expect(shape.slice(0, 2)).toEqual([30, 30]);
  });
});

describe('damage of pixels is an error, damage of what is around them is none', () => {
  /** Bytes between the first segments, as some cameras leave them. */
  const stray = (jpeg: Buffer): Buffer => {
    const length = jpeg.readUInt16BE(4);
    return Buffer.concat([
      jpeg.subarray(0, 4 + length),
      Buffer.from('\x01\x02\xff\x00\x03', 'latin1'),
      jpeg.subarray(4 + length),
    ]);
  };
  const packed = (compression: 'packbits' | 'jpeg' | 'lzw'): Promise<Buffer> =>
    noise().tiff({ compression, tile: false }).toBuffer();
  /** With a number of a tag that libtiff warns of. */
  const odd = (file: Buffer): Buffer => {
    file.writeUInt16LE(60_000, tagsOf(file).get(282));
    return file;
  };

  test.each([{}, { progressive: true }])('stray bytes in a JPEG, %j', async (options) => {
    const jpeg = await noise().jpeg(options).toBuffer();
    const strayed = stray(jpeg);
    await expect(sharp(strayed, { failOn: 'warning' }).raw().toBuffer()).rejects.toThrow('extraneous bytes');
    expect(await decodePixels({ mediaType: 'image/jpeg', bytes: strayed })).toEqual(
      await decodePixels({ mediaType: 'image/jpeg', bytes: jpeg }),
    );
    const damaged = transcode({ mediaType: 'image/jpeg', bytes: half(strayed) }, 'png');
    await expect(damaged).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
  });

  test('another revision of JFIF', async () => {
    const jpeg = await noise().jpeg().toBuffer();
    const header = segment(0xe0, Buffer.from('JFIF\0\x02\x01\0\0\x01\0\x01\0\0', 'latin1'));
    const newer = Buffer.concat([jpeg.subarray(0, 2), header, jpeg.subarray(2)]);
    await expect(sharp(newer, { failOn: 'warning' }).raw().toBuffer()).rejects.toThrow('JFIF revision');
    expect(await decodePixels({ mediaType: 'image/jpeg', bytes: newer })).toEqual(
      await decodePixels({ mediaType: 'image/jpeg', bytes: jpeg }),
    );
  });

  test.each(['packbits', 'jpeg', 'lzw'] as const)(
    'tags that nobody knows in a TIFF, %s',
    async (compression) => {
      const file = await packed(compression);
      const pixels = await decodePixels({ mediaType: 'image/tiff', bytes: Buffer.from(file) });
      const tagged = odd(Buffer.from(file));
      await expect(sharp(tagged, { failOn: 'warning' }).raw().toBuffer()).rejects.toThrow('Warning treated');
      expect(await decodePixels({ mediaType: 'image/tiff', bytes: tagged })).toEqual(pixels);
    },
  );

  test.each(['packbits', 'jpeg', 'lzw'] as const)('damaged pixels in a TIFF, %s', async (compression) => {
    const file = await packed(compression);
    file.fill(compression === 'packbits' ? 0x7f : 0, 1500, 1700);
    await expect(transcode({ mediaType: 'image/tiff', bytes: file }, 'png')).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
    });
  });

  test('a profile that is no profile', async () => {
    const png = await noise().png().toBuffer();
    const profile = chunk('iCCP', Buffer.from('broken\0\0not deflated', 'latin1'));
    const bytes = Buffer.concat([png.subarray(0, 33), profile, png.subarray(33)]);
    expect(await decodePixels({ mediaType: 'image/png', bytes })).toEqual(
      await decodePixels({ mediaType: 'image/png', bytes: png }),
    );
  });
});

test('equal frames stay frames in GIF', async () => {
  const frames = await Promise.all(
    ['red', 'red', 'blue', 'blue'].map((colour) => solid(colour).png().toBuffer()),
  );
  const bytes = await sharp(frames, { join: { animated: true } })
    .gif({ keepDuplicateFrames: true, delay: [100, 200, 300, 400] })
    .toBuffer();
  const again = await transcode({ mediaType: 'image/gif', bytes }, 'gif', {
    resize: { width: 10, height: 10 },
  });
  expect(await sharp(again.bytes).metadata()).toMatchObject({ pages: 4, delay: [100, 200, 300, 400] });
  // libwebp shows the first of equal ones for as long as all of them.
  const webp = await transcode({ mediaType: 'image/gif', bytes }, 'webp');
  expect(await sharp(webp.bytes).metadata()).toMatchObject({ delay: [300, 700] });
});

test('the reason is that of the image, however many fail beside it', async () => {
  const kinds = ['jpeg', 'png', 'webp', 'tiff', 'gif', 'avif'] as const;
  const damaged = await Promise.all(
    kinds.map(async (kind) => {
      const bytes = await noise()
        .toFormat(kind, kind === 'tiff' ? { compression: 'deflate' } : {})
        .toBuffer();
      return { mediaType: `image/${kind}`, bytes: kind === 'jpeg' ? half(bytes) : zeroed(bytes) };
    }),
  );
  const alone: string[] = [];
  for (const content of damaged) {
    alone.push(
      await transcode(content, 'tiff').then(
        () => 'none',
        (error: Error) => error.message,
      ),
    );
  }
  expect(alone.filter((reason) => reason !== 'none').length).toBeGreaterThan(3);
  const together = await Promise.all(
    Array.from({ length: 60 }, (_one, index) =>
      transcode(damaged[index % damaged.length]!, 'tiff').then(
        () => 'none',
        (error: Error) => error.message,
      ),
    ),
  );
  expect(together).toEqual(Array.from(together, (_one, index) => alone[index % alone.length]));
});

test('a file is read again when another one has taken its place', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'replaced-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'image.png');
  for (const [alpha, refused] of [
    [1, false],
    [0.5, true],
    [1, false],
  ] as const) {
    await writeFile(path, await solid('red').ensureAlpha(alpha).png().toBuffer());
    const made = transcode({ mediaType: 'image/png', source: await fileSource(path) }, 'jpeg');
    await (refused ? expect(made).rejects.toThrow('transparent') : expect(made).resolves.toBeDefined());
  }
});
