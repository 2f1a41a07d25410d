import { spawn, spawnSync } from 'node:child_process';
import { byteSource, encodeNpy } from '@image-stream/codec';
import fc from 'fast-check';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { inspectImage, splitFrames } from './index.ts';
import { box } from './inspect/boxes.test-support.ts';
import { pair, segment } from './inspect/jpeg.test-support.ts';
import { tiff } from './inspect/tiff.test-support.ts';

const limit = 10_000_000;

/** Of every type, by a name for messages. */
let images: Record<string, Buffer>;
/** The same, of those that say where they end. */
let ending: Buffer[];

beforeAll(async () => {
  const data = Uint8Array.from({ length: 40 * 30 * 3 }, (_one, index) => (index * 2_654_435) >>> 4);
  const image = sharp(data, { raw: { width: 40, height: 30, channels: 3 } });
  const jpeg = await image.clone().jpeg().toBuffer();
  const avif = await image.clone().avif({ effort: 0 }).toBuffer();
  const pages = Uint8Array.from({ length: 20 * 45 * 3 }, (_one, index) => index * 7);
  const animation = sharp(pages, { raw: { width: 20, height: 45, channels: 3, pageHeight: 15 } });
  images = {
    jpeg,
    progressive: await image.clone().jpeg({ progressive: true }).toBuffer(),
    thumbnail: withSegment(jpeg, segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0II*\0'), jpeg]))),
    // The length of the segment is off by some bytes, as of several cameras.
    'thumbnail in an odd segment': withSegment(
      jpeg,
      Buffer.concat([
        segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0'), jpeg, Buffer.alloc(40)])),
        Buffer.alloc(5),
      ]),
    ),
    mpo: (await pair()).file,
    'motion photo': withFilm(jpeg, 'GCamera:MicroVideoOffset="', '"'),
    png: await image.clone().png().toBuffer(),
    palette: await image.clone().png({ progressive: true, palette: true }).toBuffer(),
    webp: await image.clone().webp().toBuffer(),
    lossless: await image.clone().webp({ lossless: true }).toBuffer(),
    'webp animation': await animation.clone().webp().toBuffer(),
    gif: await image.clone().gif().toBuffer(),
    'gif animation': await animation.clone().gif().toBuffer(),
    npy: encodeNpy({ shape: [30, 40, 3], dtype: 'uint8', data }),
    'small npy': encodeNpy({ shape: [2, 2], dtype: 'uint16', data: new Uint16Array(4) }),
    avif,
    tiff: await image.clone().tiff({ compression: 'none' }).toBuffer(),
    'tiff with its directory in front': tiffInFront(),
  };
  ending = Object.entries(images)
    .filter(([name]) => !/avif|tiff|motion|mpo/.test(name))
    .map(([, bytes]) => bytes);
});

function withSegment(jpeg: Buffer, inserted: Buffer): Buffer {
  return Buffer.concat([jpeg.subarray(0, 2), inserted, jpeg.subarray(2)]);
}

const film = Buffer.concat([
  box('ftyp', Buffer.from('isom\0\0\0\0isom')),
  box('mdat', Buffer.alloc(3000, 7)),
  box('moov'),
]);

function withFilm(jpeg: Buffer, before: string, after: string, between = Buffer.alloc(0)): Buffer {
  const xmp = `http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>${before}${film.length}${after}</x:xmpmeta>`;
  return Buffer.concat([withSegment(jpeg, segment(0xe1, Buffer.from(xmp))), between, film]);
}

function tiffInFront(): Buffer {
  const file = tiff([{ 256: 4, 257: 4, 258: 8, 259: 1, 262: 1, 273: 1000, 277: 1, 278: 4, 279: 16 }]);
  return Buffer.concat([file, Buffer.alloc(1016 - file.length, 1)]);
}

async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let start = 0, index = 0; start < bytes.length; index++) {
    const size = sizes[index % sizes.length]!;
    yield bytes.subarray(start, start + size);
    start += size;
  }
}

interface Collected {
  readonly images: Buffer[];
  /** What is wrong, by number and place. */
  readonly damaged: { number: number; start: number; message: string }[];
}

async function collect(chunks: AsyncIterable<Uint8Array>, maxBytes = limit): Promise<Collected> {
  const all: Collected = { images: [], damaged: [] };
  let expected = 1;
  for await (const frame of splitFrames(chunks, maxBytes)) {
    expect(frame.number).toBe(expected++);
    if ('error' in frame) {
      all.damaged.push({ number: frame.number, start: frame.start, message: frame.error.message });
    } else {
      all.images.push(frame.bytes);
    }
  }
  return all;
}

const whole = (found: readonly Buffer[]): Collected => ({ images: [...found], damaged: [] });

test('any images in a row, in pieces of any size, with padding or not, come out as they were', async () => {
  const sizes = fc.array(fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 5000 })), {
    minLength: 1,
    maxLength: 20,
  });
  const names = fc.array(fc.constantFrom(...Object.keys(images)), { maxLength: 6 });
  const paddings = fc.constantFrom(
    '',
    '\0',
    '\r\n',
    '\n',
    '\0'.repeat(700),
    '\xff\xff\xff',
    '\xff\xd9',
    ' \0\r\n',
  );
  await fc.assert(
    fc.asyncProperty(names, sizes, paddings, async (order, pieces, padding) => {
      const row = order.map((name) => images[name]!);
      const between = Buffer.from(padding, 'latin1');
      const stream = Buffer.concat(row.flatMap((one) => [between, one]));
      expect(await collect(cut(stream, pieces))).toEqual(whole(row));
    }),
    { numRuns: 60 },
  );
});

test('an image that says where it ends is there before the first byte of the next one', async () => {
  for (const image of ending) {
    const chunks = (async function* () {
      yield image;
      throw new Error('asked for more');
    })();
    const { value } = await splitFrames(chunks, limit).next();
    expect(value).toMatchObject({ number: 1, start: 0, bytes: image });
  }
});

test('an AVIF whose data goes on to the end of the file ends where the next image begins', async () => {
  const notes = Buffer.from('\0\0\0\0II*\0\x08\0\0\0\0\0\0\0\0\0', 'latin1');
  const open = Buffer.concat([images['avif']!, notes]);
  open.writeUInt32BE(0, open.indexOf('mdat') - 4);
  expect(await collect(cut(open, [100]))).toEqual(whole([open]));
  const row = [open, open, images['png']!];
  expect(await collect(cut(Buffer.concat(row), [100]))).toEqual(whole(row));
  const other = Buffer.from(images['avif']!);
  other.write('mif1', 8, 'latin1');
  expect(await collect(cut(Buffer.concat([other, other]), [7]))).toEqual(whole([other, other]));
});

test('a WebP whose length leaves out the last padding, or counts a byte too many', async () => {
  const webp = Buffer.from(images['webp']!);
  const odd = Buffer.concat([
    webp,
    box('XMP ', Buffer.from('x')).subarray(4, 8),
    Buffer.of(1, 0, 0, 0, 120, 0),
  ]);
  for (const length of [odd.length - 9, odd.length - 8, odd.length - 7]) {
    odd.writeUInt32LE(length, 4);
    const one = Buffer.from(odd);
    expect(await collect(cut(Buffer.concat([one, one, images['png']!]), [50]))).toEqual(
      whole([one, one, images['png']!]),
    );
  }
});

describe('several pictures that are one image', () => {
  test.each<[string, (jpeg: Buffer) => Promise<Buffer> | Buffer]>([
    ['MPO', async () => (await pair()).file],
    ['MPO without a gap', async () => (await pair(0)).file],
    ['motion photo', (jpeg) => withFilm(jpeg, 'GCamera:MicroVideoOffset="', '"')],
    [
      'motion photo as elements',
      (jpeg) => withFilm(jpeg, '<GCamera:MicroVideoOffset>', '</GCamera:MicroVideoOffset>'),
    ],
    [
      'motion photo with notes in front of its film',
      (jpeg) =>
        withFilm(
          jpeg,
          '<Container:Item Item:Length="0" Item:Padding="24"/><Container:Item Item:Length="',
          '"/>',
          Buffer.from('\0\x000\n\x10\0\0\0MotionPhoto_Data'),
        ),
    ],
    ['motion photo without XMP', (jpeg) => Buffer.concat([jpeg, film])],
  ])('%s', async (_what, make) => {
    const image = await make(images['jpeg']!);
    const row = [image, images['png']!, image, image, images['jpeg']!];
    expect(await collect(cut(Buffer.concat(row), [60_000]))).toEqual(whole(row));
    expect(await collect(cut(image, [60_000]))).toEqual(whole([image]));
  });

  test('of which all but the first were taken away', async () => {
    const { file, firstBytes } = await pair();
    const announced = images['motion photo']!.subarray(0, -film.length);
    for (const first of [file.subarray(0, firstBytes), announced]) {
      const row = [first, images['jpeg']!, first, first, images['png']!, first];
      expect(await collect(cut(Buffer.concat(row), [900]))).toEqual(whole(row));
    }
  });

  test('of which the second is cut off cost one image', async () => {
    const { file } = await pair();
    const jpeg = images['jpeg']!;
    const { images: found, damaged } = await collect(
      cut(Buffer.concat([file.subarray(0, -50), jpeg, jpeg]), [99]),
    );
    expect(found).toEqual([jpeg, jpeg]);
    expect(damaged).toMatchObject([{ number: 1, start: 0 }]);
  });
});

describe('multipart/x-mixed-replace', () => {
  const answer = 'HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n\r\n';
  const headers = (one: Buffer) => `Content-Type: image/jpeg\r\nContent-Length: ${one.length}\r\n\r\n`;
  test.each<[string, (one: Buffer, index: number) => string, string]>([
    ['with lengths', (one) => `--b\r\n${headers(one)}`, '\r\n'],
    ['without lengths', () => '--b\r\nContent-type: image/jpeg\r\n\r\n', '\r\n'],
    ['with LF', () => '--b\nContent-type: image/jpeg\n\n', '\n'],
    [
      'with the headers of the answer',
      (one, index) => `${index === 0 ? answer : ''}--b\r\n${headers(one)}`,
      '\r\n',
    ],
    [
      'with a preamble',
      (one, index) => `${index === 0 ? 'Frames follow.\r\n' : ''}--b\r\n${headers(one)}`,
      '\r\n',
    ],
    ['without the first boundary', (one, index) => `${index === 0 ? '' : '--b\r\n'}${headers(one)}`, '\r\n'],
    ['with nothing but boundaries', () => '--b\r\n\r\n', ''],
    ['with wrong lengths', () => '--b\r\nContent-Length: 7\r\n\r\n', '\r\n'],
  ])('%s', async (_what, before, after) => {
    const row = Array.from({ length: 20 }, (_one, index) => ending[index % ending.length]!);
    const parts = row.flatMap((one, index) => [Buffer.from(before(one, index)), one, Buffer.from(after)]);
    const stream = Buffer.concat(parts);
    expect(await collect(cut(Buffer.concat([stream, Buffer.from('--b--\r\n')]), [70]))).toEqual(whole(row));
    // curl that was stopped.
    expect(await collect(cut(Buffer.concat([stream, Buffer.from('--b\r\nConte')]), [1000]))).toEqual(
      whole(row),
    );
  });

  test('a part without its end costs that part', async () => {
    const jpeg = images['jpeg']!;
    const part = (one: Buffer) =>
      Buffer.concat([Buffer.from('--b\r\nContent-Type: image/jpeg\r\n\r\n'), one, Buffer.from('\r\n')]);
    const stream = Buffer.concat([part(jpeg), part(jpeg.subarray(0, -40)), part(jpeg)]);
    const { images: found, damaged } = await collect(cut(stream, [300]));
    expect(found).toEqual([jpeg, jpeg]);
    expect(damaged).toMatchObject([{ number: 2, start: part(jpeg).length + 33 }]);
  });
});

describe('a damaged image costs that image', () => {
  /** A row of one kind, with one of them replaced. */
  async function among(image: Buffer, replaced: Buffer): Promise<Collected> {
    const row = [image, image, replaced, image, image];
    return collect(cut(Buffer.concat(row), [1_000_000]));
  }

  test('cut off anywhere, at its end or its beginning', async () => {
    for (const [name, image] of Object.entries(images)) {
      // Of these, only what comes after them tells that they were cut off.
      const isOpen = /motion|tiff/.test(name);
      for (let length = 40; length < image.length - 16; length += 97) {
        const { images: found, damaged } = await among(image, image.subarray(0, length));
        const others = found.filter((one) => one.equals(image)).length;
        const what = `${name} of ${image.length}, to ${length}`;
        expect(others, what).toBeGreaterThanOrEqual(isOpen ? 3 : 4);
        expect(damaged.length, what).toBeGreaterThanOrEqual(1);
        if (!isOpen) {
          expect(damaged[0], what).toMatchObject({ number: 3, start: 2 * image.length });
          expect(damaged.length, what).toBeLessThanOrEqual(name.includes('thumbnail') ? 2 : 1);
        }
      }
    }
  });

  test('without some of its bytes, wherever they are', async () => {
    for (const [name, image] of Object.entries(images)) {
      if (/motion|tiff|odd|mpo/.test(name)) {
        continue;
      }
      for (let from = 16; from < image.length - 30; from += 101) {
        const replaced = Buffer.concat([image.subarray(0, from), image.subarray(from + 25)]);
        const { images: found, damaged } = await among(image, replaced);
        const others = found.filter((one) => !one.equals(image));
        expect(found.length - others.length, `${name} of ${image.length}, without 25 from ${from}`).toBe(4);
        // Of coded data, only a decoder may know that some is missing.
        expect(damaged.length + others.length, `${name} of ${image.length}, ${from}`).toBeGreaterThan(0);
      }
    }
  });

  test('without its beginning, and its thumbnail is no image', async () => {
    const image = images['thumbnail']!;
    for (const length of [1, 3, 7]) {
      const { images: found, damaged } = await among(image, image.subarray(length));
      expect(found).toEqual([image, image, image, image]);
      expect(damaged).toMatchObject([{ number: 3, start: 2 * image.length }]);
    }
  });

  test('with any byte changed', async () => {
    const random = fc.record({
      name: fc.constantFrom(...Object.keys(images).filter((name) => !/motion|tiff|mpo/.test(name))),
      place: fc.nat(),
      byte: fc.integer({ min: 1, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(random, async ({ name, place, byte }) => {
        const image = images[name]!;
        const changed = Buffer.from(image);
        changed[place % image.length]! ^= byte;
        const { images: found } = await among(image, changed);
        expect(found.filter((one) => one.equals(image)).length).toBeGreaterThanOrEqual(4);
      }),
      { numRuns: 1000 },
    );
  });

  test('at the end of the stream', async () => {
    for (const [name, image] of Object.entries(images)) {
      if (/motion/.test(name)) {
        continue;
      }
      for (let length = 20; length < image.length - 7; length += 211) {
        const stream = Buffer.concat([images['png']!, image.subarray(0, length)]);
        const { images: found, damaged } = await collect(cut(stream, [500]));
        expect(found[0]).toEqual(images['png']);
        const isRefused = await Promise.all(found.slice(1).map((one) => inspectImage(byteSource(one)))).then(
          (infos) => infos.length === 0 && damaged.length === 1,
          () => true,
        );
        expect(isRefused, `${name} of ${image.length}, to ${length}: ${found.length}`).toBe(true);
      }
    }
  });
});

describe('named', () => {
  test('what is no image', async () => {
    const jpeg = images['jpeg']!;
    const stream = Buffer.concat([
      jpeg,
      Buffer.from('hello'),
      jpeg,
      Buffer.of(1, 2, 3),
      Buffer.alloc(100_000, 5),
      jpeg,
    ]);
    const { images: found, damaged } = await collect(cut(stream, [500]));
    expect(found).toEqual([jpeg, jpeg, jpeg]);
    expect(damaged).toEqual([
      {
        number: 2,
        start: jpeg.length,
        message: expect.stringMatching(
          /^no image begins here, 5 bytes were passed over: .*the text "hello"$/,
        ),
      },
      {
        number: 4,
        start: 2 * jpeg.length + 5,
        message: expect.stringMatching(
          /^no image begins here, 100003 bytes were passed over: .*the bytes 01020305/,
        ),
      },
    ]);
  });

  test.each<[string, (image: Buffer) => void]>([
    ['webp', (image) => image.writeUInt32LE(0xff_ff_ff_f0, 4)],
    ['webp', (image) => image.writeUInt32LE(9_000_000, 4)],
    ['webp', (image) => image.writeUInt32LE(9_000_000, 16)],
    ['png', (image) => image.writeUInt32BE(9_000_000, 33)],
    ['png', (image) => image.writeUInt32BE(0xff_ff_ff_f0, 33)],
    ['avif', (image) => image.writeUInt32BE(9_000_000, image.indexOf('mdat') - 4)],
    ['avif', (image) => image.writeUInt32BE(0xff_ff_ff_f0, image.indexOf('mdat') - 4)],
    ['npy', (image) => image.write('(900, 900, 3)', image.indexOf('(30, 40, 3)'))],
    ['npy', (image) => image.write('(99999, 99999, 3)', image.indexOf('(30, 40, 3)'))],
    ['jpeg', (image) => image.writeUInt16BE(0xff_f0, 4)],
    ['tiff', (image) => image.writeUInt32LE(0xff_ff_ff_f0, 4)],
    [
      'tiff with its directory in front',
      (image) => image.writeUInt32LE(0xff_ff_ff_f0, image.indexOf(Buffer.of(17, 1, 4, 0)) + 8),
    ],
  ])('%s whose length is a lie, and only that', async (name, lie) => {
    const image = images[name]!;
    const lying = Buffer.from(image);
    lie(lying);
    const { images: found, damaged } = await collect(
      cut(Buffer.concat([image, lying, image, image, image]), [1000]),
    );
    expect(found).toEqual([image, image, image, image]);
    expect(damaged).toMatchObject([{ number: 2, start: image.length }]);
  });

  test('a lie is found when the next image comes, not when as much has come', async () => {
    for (const [name, at] of [
      ['webp', 16],
      ['png', 33],
    ] as const) {
      const lying = Buffer.from(images[name]!);
      lying[name === 'png' ? at + 1 : at + 2] = 0x40;
      const chunks = (async function* () {
        yield Buffer.concat([lying, images[name]!]);
        throw new Error('asked for more');
      })();
      const frames = splitFrames(chunks, limit);
      expect((await frames.next()).value).toMatchObject({
        number: 1,
        start: 0,
        error: { code: 'INVALID_IMAGE' },
      });
      expect((await frames.next()).value).toMatchObject({ number: 2, bytes: images[name]! });
    }
  });

  test('an image beyond the limit, and what follows is found', async () => {
    const small = images['jpeg']!;
    const large = await sharp(Buffer.alloc(300 * 300 * 3, 9), {
      raw: { width: 300, height: 300, channels: 3 },
    })
      .png({ compressionLevel: 0 })
      .toBuffer();
    const { images: found, damaged } = await collect(
      cut(Buffer.concat([small, large, small]), [1000]),
      20_000,
    );
    expect(found).toEqual([small, small]);
    expect(damaged).toMatchObject([
      { number: 2, start: small.length, message: expect.stringContaining('limit of 20000') },
    ]);
  });

  test('an endless one, before it is in memory', async () => {
    const scan = images['jpeg']!.subarray(0, -2);
    const open = Buffer.concat([images['avif']!, box('mdat')]);
    open.writeUInt32BE(0, open.length - 8);
    const gif = Buffer.concat([images['gif']!.subarray(0, -1), Buffer.from('!\xfe', 'latin1')]);
    for (const start of [scan, open, gif, images['tiff']!.subarray(0, 8), images['tiff']!]) {
      let given = 0;
      const endless = (async function* () {
        yield start;
        for (;;) {
          given += 1000;
          yield Buffer.alloc(1000, 3);
        }
      })();
      const frames = splitFrames(endless, 200_000);
      expect((await frames.next()).value).toMatchObject({ error: { code: 'LIMIT_EXCEEDED' } });
      expect(given).toBeLessThan(300_000);
    }
  });
});

test('padding without an end is not kept', async () => {
  const zeros = (async function* () {
    const none = Buffer.alloc(1_000_000);
    for (let count = 0; count < 100; count++) {
      yield none;
    }
    yield images['avif']!;
  })();
  expect(await collect(zeros)).toEqual(whole([images['avif']!]));
});

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;

test.skipIf(!hasFfmpeg).each([
  ['mjpeg', 'image2pipe'],
  ['png', 'image2pipe'],
  ['libwebp', 'image2pipe'],
  ['tiff', 'image2pipe'],
  ['mjpeg', 'mpjpeg'],
])('a film that ffmpeg pipes as %s with -f %s', async (codec, format) => {
  const source = ['-f', 'lavfi', '-i', 'testsrc=duration=2:rate=10:size=320x240'];
  const ffmpeg = spawn('ffmpeg', ['-loglevel', 'error', ...source, '-f', format, '-c:v', codec, '-']);
  const { images: found, damaged } = await collect(ffmpeg.stdout);
  expect(damaged).toEqual([]);
  expect(found).toHaveLength(20);
  for (const image of found) {
    expect(await sharp(image).metadata()).toMatchObject({ width: 320, height: 240 });
  }
});
