import { spawn, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { splitFrames } from './index.ts';

const limit = 10_000_000;
let frames: Buffer[];

beforeAll(async () => {
  const data = Uint8Array.from({ length: 40 * 30 * 3 }, (_one, index) => (index * 2_654_435) >>> 4);
  const image = sharp(data, { raw: { width: 40, height: 30, channels: 3 } });
  const jpeg = await image.clone().jpeg().toBuffer();
  const thumbnail = Buffer.concat([Buffer.from('Exif\0\0'), jpeg]);
  const header = Buffer.of(0xff, 0xe1, (thumbnail.length + 2) >> 8, (thumbnail.length + 2) & 255);
  frames = [
    jpeg,
    await image.clone().jpeg({ progressive: true }).toBuffer(),
    Buffer.concat([jpeg.subarray(0, 2), header, thumbnail, jpeg.subarray(2)]),
    await image.clone().png().toBuffer(),
    await image.clone().png({ progressive: true, palette: true }).toBuffer(),
  ];
});

async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let start = 0, index = 0; start < bytes.length; index++) {
    const size = sizes[index % sizes.length]!;
    yield bytes.subarray(start, start + size);
    start += size;
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>, maxBytes = limit): Promise<Buffer[]> {
  const all = [];
  for await (const frame of splitFrames(chunks, maxBytes)) {
    all.push(frame);
  }
  return all;
}

test('any images in a row, in pieces of any size, come out as they were', async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 4 }), { maxLength: 6 }), sizes, async (order, pieces) => {
      const images = order.map((index) => frames[index]!);
      expect(await collect(cut(Buffer.concat(images), pieces))).toEqual(images);
    }),
    { numRuns: 100 },
  );
});

test('an image is there before the first byte of the next one', async () => {
  for (const image of frames) {
    const chunks = (async function* () {
      yield image;
      throw new Error('asked for more');
    })();
    const { value } = await splitFrames(chunks, limit).next();
    expect(value).toEqual(image);
  }
});

test('another type is one image to the end', async () => {
  const webp = await sharp(frames[0]).webp().toBuffer();
  expect(await collect(cut(webp, [100]))).toEqual([webp]);
  const avif = await sharp(frames[0]).avif({ effort: 0 }).toBuffer();
  avif.write('mif1', 8, 'latin1');
  expect(await collect(cut(avif, [7]))).toEqual([avif]);
});

describe('refused', () => {
  test('a stream that is cut off anywhere within an image', async () => {
    for (const image of frames) {
      for (let length = 1; length < image.length; length += 13) {
        const stream = Buffer.concat([frames[0]!, image.subarray(0, length)]);
        await expect(collect(cut(stream, [500]))).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
      }
    }
  });

  test('what is no image, after one that is', async () => {
    const stream = splitFrames(cut(Buffer.concat([frames[0]!, Buffer.from('hello')]), [500]), limit);
    expect((await stream.next()).value).toEqual(frames[0]);
    await expect(stream.next()).rejects.toThrow('image 2 of the stream begins with 68656c6c6f');
  });

  test('an image beyond the limit, before it is in memory', async () => {
    const endless = (async function* () {
      yield frames[3]!.subarray(0, 33);
      yield Buffer.from('\xff\xff\xff\xf0IDAT', 'latin1');
      for (;;) {
        yield Buffer.alloc(1000);
      }
    })();
    await expect(collect(endless, 20_000)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    const scan = (async function* () {
      yield frames[0]!.subarray(0, -2);
      for (;;) {
        yield Buffer.alloc(1000);
      }
    })();
    await expect(collect(scan, 20_000)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;

test.skipIf(!hasFfmpeg).each(['mjpeg', 'png'])('a film that ffmpeg pipes as %s', async (codec) => {
  const film = ['-f', 'lavfi', '-i', 'testsrc=duration=2:rate=10:size=320x240'];
  const ffmpeg = spawn('ffmpeg', ['-loglevel', 'error', ...film, '-f', 'image2pipe', '-c:v', codec, '-']);
  const images = await collect(ffmpeg.stdout);
  expect(images).toHaveLength(20);
  for (const image of images) {
    expect(await sharp(image).metadata()).toMatchObject({ width: 320, height: 240 });
  }
});
