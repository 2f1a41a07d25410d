import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Chunk } from '@image-stream/codec';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { createAssembler } from './assembler.ts';
import type { Assembler, AssemblerOptions } from './assembler.ts';
import type { Delivery } from '../receive/delivery.ts';
import type { ChunkedImage } from './chunked-image.ts';

let folder: string;
let done: string[];
let now: number;
beforeEach(async () => {
  done = [];
  now = 0;
  folder = await mkdtemp(join(tmpdir(), 'assemble-'));
  return () => rm(folder, { recursive: true });
});

function assembler(changed: Partial<AssemblerOptions> = {}): Assembler {
  return createAssembler({
    workspace: { newFile: () => join(folder, randomUUID()), restore: async () => false },
    now: () => now,
    isSaved: async () => false,
    maxBytes: 1_000_000,
    timeoutMs: 60_000,
    ...changed,
  });
}

/** The chunks of an image, of the sizes given. */
function chunksOf(id: string, sizes: readonly number[]): Chunk[] {
  const size = sizes.reduce((sum, one) => sum + one, 0);
  const payload = createHash('shake256', { outputLength: size }).update(id).digest();
  let start = 0;
  return sizes.map((length, index) => {
    start += length;
    return {
      ...{ id, customerId: 'lab', createdAt: new Date(0), index, count: sizes.length, size },
      sha256: createHash('sha256').update(payload).digest('hex'),
      mediaType: 'image/png',
      contentEncoding: undefined,
      bytes: payload.subarray(start - length, start),
    };
  });
}

function delivery(
  offset: number,
  changed: { timestamp?: number; isCurrent?: () => boolean; key?: string } = {},
): Delivery {
  const { timestamp = 1000, isCurrent = () => true, key = 'k' } = changed;
  const place = { topic: 'data', partition: 0, offset: String(offset), timestamp: String(timestamp) };
  return {
    record: { ...place, key: Buffer.from(key), value: null },
    done: () => void done.push(String(offset)),
    isCurrent,
  };
}

test('any images, cut anywhere, in any order, mixed and repeated', async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(sizes, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(), { minLength: 64, maxLength: 64 }),
      async (wanted, order) => {
        done = [];
        const all = wanted.flatMap((one, index) => chunksOf(`image-${index}`, one));
        const mixed = [...all, ...order.slice(0, 10).map((n) => all[n % all.length]!)]
          .map((chunk, index) => ({ chunk, rank: order[index % 64]! }))
          .toSorted((a, b) => a.rank - b.rank);
        const images = assembler();
        const complete: string[] = [];
        for (const [offset, { chunk }] of mixed.entries()) {
          const image = await images.add(chunk, delivery(offset, { key: String(chunk.index) }));
          if (image !== undefined && image !== 'saved before') {
            const { file, sha256 } = await image.image();
            expect(sha256Of(await readFile(file))).toBe(sha256);
            expect(sha256Of(Buffer.concat(await payloadsOf(image)))).toBe(sha256);
            complete.push(image.id);
            await image.done();
            images.settle(image, true);
          }
        }
        expect(new Set(complete)).toEqual(new Set(wanted.map((_one, index) => `image-${index}`)));
        expect(complete.length).toBe(wanted.length);
        expect(done.length).toBe(mixed.length);
        expect(images.incomplete()).toEqual([]);
        await images.close();
      },
    ),
    { numRuns: 50 },
  );
  expect(await readdir(folder)).toEqual([]);
});

function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The values of an image's records, in the order of the chunks. */
async function payloadsOf(image: ChunkedImage): Promise<Uint8Array[]> {
  const payloads: Uint8Array[] = [];
  for await (const { key, value } of image.records()) {
    payloads[Number(key)] = value!;
  }
  return payloads;
}

/** What becomes of an image that was given up, in the end. */
async function remove(images: Assembler, given: ReturnType<Assembler['giveUp']>): Promise<void> {
  await given!.image.remove();
  images.release(given!.image);
}

async function ended(images: Assembler, chunk: Chunk, offset: number): Promise<ChunkedImage> {
  const image = await images.add(chunk, delivery(offset));
  if (image === undefined || image === 'saved before') {
    throw new Error(`has not ended but is ${image}`);
  }
  return image;
}

test('no record is done before its image is saved', async () => {
  const [first, second] = chunksOf('image', [10, 10]);
  const images = assembler();
  expect(await images.add(first!, delivery(0))).toBeUndefined();
  const image = await ended(images, second!, 1);
  expect(await images.add(first!, delivery(2))).toBeUndefined();
  expect(done).toEqual([]);
  await image.done();
  images.settle(image, true);
  expect(done).toEqual(['0', '1', '2']);
  expect(await images.add(second!, delivery(3))).toBe('saved before');
  expect(done).toEqual(['0', '1', '2', '3']);
  await images.close();
});

test('records come back from the disk as they were', async () => {
  const [chunk] = chunksOf('image', [10]);
  const record = {
    ...{ topic: 'data', partition: 3, offset: '9007199254740993', timestamp: '1700000000000' },
    key: Buffer.from([0, 255]),
    value: Buffer.from(chunk!.bytes),
    headers: {
      a: Buffer.from('ü\n'),
      'line\u2028break': Buffer.from('name'),
      empty: Buffer.alloc(0),
      none: null,
      twice: [Buffer.from('1'), null, Buffer.from('2')],
      ['__proto__']: [null, null],
    },
  };
  const images = assembler();
  const image = await images.add(chunk!, { ...delivery(0), record });
  expect(image).toBeDefined();
  for await (const again of (image as ChunkedImage).records()) {
    expect(again).toEqual(record);
  }
  await (image as ChunkedImage).remove();
});

test('a chunk that could not be written can be given again', async () => {
  const [first, second] = chunksOf('image', [10, 10]);
  const images = assembler();
  await images.add(first!, delivery(0));
  const [path] = (await readdir(folder)).map((name) => join(folder, name));
  const parked = `${path}.parked`;
  await rename(path!, parked);
  await mkdir(path!);
  await expect(images.add(second!, delivery(1))).rejects.toMatchObject({
    code: expect.any(String) as string,
  });
  await rm(path!, { recursive: true });
  await rename(parked, path!);
  const image = await ended(images, second!, 1);
  expect(sha256Of(await readFile((await image.image()).file))).toBe(first!.sha256);
  await image.done();
  expect(done).toEqual(['0', '1']);
});

test('chunks of an image that is on disk are done at once', async () => {
  const images = assembler({ isSaved: async () => true });
  await images.add(chunksOf('image', [10, 10])[1]!, delivery(7));
  expect(done).toEqual(['7']);
});

describe('refused', () => {
  test('chunks that do not make the hash that they announce', async () => {
    const [first, second] = chunksOf('image', [10, 10]);
    const images = assembler();
    await images.add(first!, delivery(0));
    const image = await ended(images, { ...second!, bytes: Buffer.alloc(10) }, 1);
    await expect(image.image()).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
    expect(done).toEqual([]);
    await image.remove();
  });

  test('more bytes than were announced', async () => {
    const [first] = chunksOf('image', [10, 10]);
    const image = await ended(assembler(), { ...first!, bytes: Buffer.alloc(21) }, 0);
    await expect(image.image()).rejects.toMatchObject({
      message: `1 of 2 chunks of image image made 21 bytes, but announced 20 bytes with ${first!.sha256}`,
    });
    await image.remove();
  });

  test('a chunk of an image that has too many bytes already', async () => {
    const [first, second] = chunksOf('image', [10, 10]);
    const images = assembler();
    const image = await ended(images, { ...first!, bytes: Buffer.alloc(21) }, 0);
    await expect(images.add(second!, delivery(1))).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      message: 'chunk 1 of image image comes on top of chunks that have more bytes than they announce',
    });
    await image.done();
    expect(done).toEqual(['0']);
  });

  test('an image that is larger than all may be together', async () => {
    await expect(
      assembler({ maxBytes: 19 }).add(chunksOf('one', [10, 10])[0]!, delivery(0)),
    ).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringContaining('--max-incomplete-bytes') as string,
    });
  });
});

describe('an image that never completes', () => {
  test('is not given up while a chunk of it is being written', async () => {
    const images = assembler();
    const adding = images.add(chunksOf('image', [10, 10])[0]!, delivery(0, { timestamp: 100_000 }));
    while (images.incomplete().length === 0) {
      await Promise.resolve();
    }
    expect(images.giveUp()).toBeUndefined();
    now = 70_000;
    expect(images.giveUp()).toBeUndefined();
    await adding;
    now = 140_000;
    const given = images.giveUp();
    await given?.image.done();
    expect(done).toEqual(['0']);
  });

  test('does not take another one with it that began when it was given up', async () => {
    const images = assembler();
    const [chunk] = chunksOf('image', [10, 10]);
    await images.add(chunk!, delivery(0));
    now = 70_000;
    const given = images.giveUp();
    await images.add(chunk!, delivery(1));
    images.settle(given!.image, false);
    expect(images.incomplete()).toMatchObject([{ first: { offset: '1' } }]);
    await remove(images, given);
    await images.close();
  });

  test('is given up by the timestamps of later chunks', async () => {
    const images = assembler();
    await images.add(chunksOf('old', [10, 10])[0]!, delivery(0, { timestamp: 1000 }));
    await images.add(chunksOf('new', [10, 10])[0]!, delivery(1, { timestamp: 61_000 }));
    expect(images.giveUp()).toBeUndefined();
    await images.add(chunksOf('new', [10, 10])[0]!, delivery(2, { timestamp: 61_001 }));
    const given = images.giveUp();
    expect(given?.image).toMatchObject({ id: 'old', have: 1, count: 2, first: { offset: '0' } });
    expect(given?.error.message).toBe('only 1 of the 2 chunks of image old came within --chunk-timeout');
    expect(images.giveUp()).toBeUndefined();
    await remove(images, given);
    await images.close();
  });

  test('is not given up while its first chunk is written', async () => {
    const images = assembler();
    await images.add(chunksOf('new', [10, 10])[0]!, delivery(0, { timestamp: 100_000 }));
    const adding = images.add(chunksOf('old', [10, 10])[0]!, delivery(1, { timestamp: 1000 }));
    expect(images.giveUp()).toBeUndefined();
    await adding;
    const given = images.giveUp();
    expect(given?.image).toMatchObject({ id: 'old', have: 1 });
    await remove(images, given);
    await images.close();
  });

  test('is given up when nothing comes any more', async () => {
    const images = assembler();
    await images.add(chunksOf('old', [10, 10])[0]!, delivery(0));
    now = 50_000;
    expect(images.giveUp()).toBeUndefined();
    now = 70_000;
    const given = images.giveUp();
    expect(given?.image.id).toBe('old');
    await remove(images, given);
  });

  test('makes room for others, the oldest first', async () => {
    const images = assembler({ maxBytes: 1000 });
    const gone: string[] = [];
    for (let index = 0; index < 50; index++) {
      await images.add(chunksOf(`image-${index}`, [100, 100])[0]!, delivery(index));
      for (let given = images.giveUp(); given !== undefined; given = images.giveUp()) {
        expect(given.error.code).toBe('LIMIT_EXCEEDED');
        gone.push(given.image.id);
        await remove(images, given);
      }
    }
    const left = images.incomplete();
    expect(left.length).toBeGreaterThan(2);
    expect(left.reduce((sum, { bytesOnDisk }) => sum + bytesOnDisk, 0)).toBeLessThanOrEqual(1000);
    expect([...gone, ...left.map(({ id }) => id)]).toEqual(
      Array.from({ length: 50 }, (_one, index) => `image-${index}`),
    );
    await images.close();
    expect(await readdir(folder)).toEqual([]);
  });

  // Thousands of files.
  test(
    'makes room for others where there are too many, however small they are',
    { timeout: 60_000 },
    async () => {
      const images = assembler();
      for (let index = 0; index < 4096; index++) {
        await images.add(chunksOf(`image-${index}`, [1, 1])[0]!, delivery(index));
      }
      expect(images.giveUp()).toBeUndefined();
      await images.add(chunksOf('one too many', [1, 1])[0]!, delivery(4096));
      expect(images.isCrowded()).toBe(true);
      const given = images.giveUp()!;
      expect(given).toMatchObject({ image: { id: 'image-0' }, error: { code: 'LIMIT_EXCEEDED' } });
      await remove(images, given);
      expect(images.isCrowded()).toBe(false);
      await images.close();
    },
  );

  test('counts until its files are gone, and no other one has to go for it', async () => {
    const images = assembler({ maxBytes: 1000 });
    for (let index = 0; !images.isCrowded(); index++) {
      await images.add(chunksOf(`image-${index}`, [100, 100])[0]!, delivery(index));
    }
    const given = images.giveUp();
    expect(images.giveUp()).toBeUndefined();
    expect(images.isCrowded()).toBe(true);
    await remove(images, given);
    expect(images.isCrowded()).toBe(false);
    await images.close();
  });

  test('is forgotten when its partition went to another member', async () => {
    const images = assembler();
    await images.add(chunksOf('old', [10, 10])[0]!, delivery(0, { isCurrent: () => false }));
    now = 70_000;
    expect(images.giveUp()).toBeUndefined();
    expect(images.incomplete()).toEqual([]);
  });
});
