import { crc32 } from 'node:zlib';
import { byteSource, encodeNpy } from '@image-stream/codec';
import fc from 'fast-check';
import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { ImageIoError, inspectImage } from './index.ts';

/** Pixels that no two neighbours share, so that every format has something to say. */
function raw(width: number, height: number, channels: 1 | 2 | 3 | 4, depth: 8 | 16 = 8): Sharp {
  const values = Array.from(
    { length: width * height * channels },
    (_one, index) => (index * 2_654_435) >>> 4,
  );
  const data = depth === 8 ? Uint8Array.from(values) : Uint16Array.from(values);
  const image = sharp(data, { raw: { width, height, channels } });
  return depth === 16 ? image.toColourspace(channels > 2 ? 'rgb16' : 'grey16') : image;
}

async function animated(format: 'gif' | 'webp'): Promise<Buffer> {
  const frames = await Promise.all(
    ['red', 'lime', 'blue'].map((background) =>
      sharp({ create: { width: 20, height: 10, channels: 3, background } })
        .png()
        .toBuffer(),
    ),
  );
  return sharp(frames, { join: { animated: true } })
    .toFormat(format)
    .toBuffer();
}

async function withThumbnail(): Promise<Buffer> {
  const jpeg = await raw(30, 20, 3).jpeg().toBuffer();
  const thumbnail = await raw(8, 8, 3).jpeg().toBuffer();
  const segment = Buffer.concat([Buffer.from('Exif\0\0'), thumbnail]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(segment.length + 2);
  return Buffer.concat([jpeg.subarray(0, 2), Buffer.of(0xff, 0xe1), length, segment, jpeg.subarray(2)]);
}

const pixelsOf = (file: Buffer): Promise<Buffer> =>
  sharp(file, { pages: -1, failOn: 'error' }).raw().toBuffer();

const files: [what: string, mediaType: string, file: () => Promise<Buffer>, width: number, height: number][] =
  [
    ['grey PNG', 'image/png', () => raw(30, 20, 1).toColourspace('b-w').png().toBuffer(), 30, 20],
    ['RGBA PNG', 'image/png', () => raw(30, 20, 4).png().toBuffer(), 30, 20],
    ['16-bit PNG', 'image/png', () => raw(30, 20, 3, 16).png().toBuffer(), 30, 20],
    ['interlaced PNG', 'image/png', () => raw(30, 20, 3).png({ progressive: true }).toBuffer(), 30, 20],
    ['PNG of one pixel', 'image/png', () => raw(1, 1, 3).png().toBuffer(), 1, 1],
    ['wide PNG', 'image/png', () => raw(20_000, 1, 1).png().toBuffer(), 20_000, 1],
    ['JPEG', 'image/jpeg', () => raw(30, 20, 3).jpeg().toBuffer(), 30, 20],
    ['progressive JPEG', 'image/jpeg', () => raw(30, 20, 3).jpeg({ progressive: true }).toBuffer(), 30, 20],
    ['CMYK JPEG', 'image/jpeg', () => raw(30, 20, 3).toColourspace('cmyk').jpeg().toBuffer(), 30, 20],
    ['grey JPEG', 'image/jpeg', () => raw(30, 20, 1).toColourspace('b-w').jpeg().toBuffer(), 30, 20],
    ['JPEG with a thumbnail', 'image/jpeg', withThumbnail, 30, 20],
    ['lossy WebP', 'image/webp', () => raw(30, 20, 3).webp().toBuffer(), 30, 20],
    ['lossless WebP', 'image/webp', () => raw(30, 20, 3).webp({ lossless: true }).toBuffer(), 30, 20],
    ['WebP with alpha', 'image/webp', () => raw(30, 20, 4).webp().toBuffer(), 30, 20],
    ['animated WebP', 'image/webp', () => animated('webp'), 20, 10],
    ['AVIF', 'image/avif', () => raw(30, 20, 3).avif({ effort: 0 }).toBuffer(), 30, 20],
    ['TIFF', 'image/tiff', () => raw(30, 20, 3).tiff({ compression: 'none' }).toBuffer(), 30, 20],
    ['16-bit TIFF', 'image/tiff', () => raw(30, 20, 1, 16).tiff({ compression: 'lzw' }).toBuffer(), 30, 20],
    [
      'tiled TIFF',
      'image/tiff',
      () => raw(70, 50, 3).tiff({ tile: true, tileWidth: 16, tileHeight: 16, pyramid: true }).toBuffer(),
      70,
      50,
    ],
    [
      'BigTIFF',
      'image/tiff',
      () => raw(30, 20, 3).tiff({ bigtiff: true, compression: 'none' }).toBuffer(),
      30,
      20,
    ],
    ['GIF', 'image/gif', () => raw(30, 20, 3).gif().toBuffer(), 30, 20],
    ['animated GIF', 'image/gif', () => animated('gif'), 20, 10],
    [
      'NPY',
      'application/x-npy',
      async () => encodeNpy({ shape: [20, 30], dtype: 'uint16', data: new Uint16Array(600) }),
      30,
      20,
    ],
  ];

describe.each(files)('%s', (what, mediaType, make, width, height) => {
  test('is taken, with its dimensions', async () => {
    const frames = what.startsWith('animated') ? 3 : 1;
    expect(await inspectImage(byteSource(await make()))).toEqual({ mediaType, width, height, frames });
  });

  test('is refused wherever it is cut off, unless all of its pixels are there', async () => {
    const file = await make();
    const step = file.length > 3000 ? 7 : 1;
    const whole = await inspectImage(byteSource(file));
    const taken: Buffer[] = [];
    for (let length = 0; length < file.length; length += step) {
      const cut = file.subarray(0, length);
      const outcome = await inspectImage(byteSource(cut)).catch((error: ImageIoError) => error.code);
      if (outcome !== 'INVALID_IMAGE') {
        expect(outcome, `at ${length} of ${file.length}`).toEqual(whole);
        taken.push(cut);
      }
    }
    for (const cut of taken) {
      expect(await pixelsOf(cut), `at ${cut.length} of ${file.length}`).toEqual(await pixelsOf(file));
    }
  });

  test('with any damage either passes or is refused with a reason, soon', async () => {
    const file = await make();
    const edits = fc.array(fc.tuple(fc.nat({ max: file.length - 1 }), fc.nat({ max: 255 })), {
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        const damaged = Buffer.from(file);
        for (const [at, value] of changes) {
          damaged[at] = value;
        }
        await inspectImage(byteSource(damaged)).catch((error: unknown) => {
          expect(error).toBeInstanceOf(ImageIoError);
        });
      }),
      { numRuns: 150 },
    );
  });
});

describe('refused', () => {
  test.each([
    ['an empty file', Buffer.alloc(0), 'file is empty'],
    ['text', Buffer.from('hello'), 'not a PNG, JPEG, WebP, AVIF, TIFF, GIF or NPY file'],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'not a PNG'],
  ])('%s', async (_what, file, message) => {
    await expect(inspectImage(byteSource(file))).rejects.toThrow(message);
  });
});

describe('the pixel limit', () => {
  /** A PNG that says it is huge. */
  async function bomb(): Promise<Buffer> {
    const file = await raw(1, 1, 1).png().toBuffer();
    file.writeUInt32BE(60_000, 16);
    file.writeUInt32BE(60_000, 20);
    file.writeUInt32BE(crc32(file.subarray(12, 29)), 29);
    return file;
  }

  test('stops a small file of many pixels', async () => {
    await expect(inspectImage(byteSource(await bomb()))).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: '60000 x 60000 = 3600000000 pixels exceed the limit of 268402689; maxImagePixels raises it',
    });
  });

  test('lets a file pass that has as many bytes as pixels', async () => {
    const file = await bomb();
    const source = {
      size: 4_000_000_000,
      read: async (start: number, end: number) => file.subarray(start, end),
    };
    const padded = {
      ...source,
      read: async (start: number, end: number) => Buffer.concat([file.subarray(start, end)], end - start),
    };
    expect(await inspectImage(padded)).toMatchObject({ width: 60_000 });
  });

  test('is exact where it is given', async () => {
    const file = await raw(10, 10, 1).png().toBuffer();
    expect(await inspectImage(byteSource(file), { maxImagePixels: 100 })).toMatchObject({ width: 10 });
    await expect(inspectImage(byteSource(file), { maxImagePixels: 99 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });
});

test('a JPEG with stray and fill bytes between its segments is taken', async () => {
  const file = await raw(30, 20, 3).jpeg().toBuffer();
  const stray = Buffer.concat([Buffer.of(0, 1, 0xff, 0, 7), Buffer.alloc(200_000, 0xff)]);
  const second = 4 + file.readUInt16BE(4);
  const strayed = Buffer.concat([file.subarray(0, second), stray, file.subarray(second)]);
  expect(await inspectImage(byteSource(strayed))).toMatchObject({ width: 30, height: 20 });
});

test.each(['IHDR', 'IDAT'])('a PNG with a wrong CRC of %s is refused', async (type) => {
  const file = await raw(30, 20, 3).png().toBuffer();
  const at = file.indexOf(type);
  const crc = at + 4 + file.readUInt32BE(at - 4);
  file[crc]! ^= 1;
  await expect(inspectImage(byteSource(file))).rejects.toThrow(`the CRC of its ${type} chunk`);
});

test('a PNG with a wrong CRC of its last chunk, which decoders do not check, is taken', async () => {
  const file = await raw(30, 20, 3).png().toBuffer();
  file[file.length - 1]! ^= 1;
  expect(await inspectImage(byteSource(file))).toMatchObject({ width: 30, height: 20 });
});

test('a GIF with NULs before its trailer is taken', async () => {
  const file = await animated('gif');
  const padded = Buffer.concat([file.subarray(0, -1), Buffer.alloc(3), file.subarray(-1)]);
  expect(await inspectImage(byteSource(padded))).toMatchObject({ frames: 3 });
});

test('bytes after the end of the image are tolerated', async () => {
  const file = Buffer.concat([await raw(30, 20, 3).jpeg().toBuffer(), Buffer.from('a film, perhaps')]);
  expect(await inspectImage(byteSource(file))).toMatchObject({ width: 30 });
});
