import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Chunk } from '@image-stream/codec';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAssembler } from './assemble.ts';
import type { Assembler, AssemblerOptions, Delivery } from './assemble.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assemble-'));
  return () => rm(folder, { recursive: true });
});

let done: string[];
beforeEach(() => {
  done = [];
});

function assembler(changed: Partial<AssemblerOptions> = {}): Assembler {
  return createAssembler({
    temporaryFile: () => join(folder, randomUUID()),
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

function delivery(offset: number, changed: { timestamp?: number; isCurrent?: () => boolean } = {}): Delivery {
  const { timestamp = 1000, isCurrent = () => true } = changed;
  const place = { topic: 'data', partition: 0, offset: String(offset), timestamp: String(timestamp) };
  return {
    record: { ...place, key: null, value: null },
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
        const complete = [];
        for (const [offset, { chunk }] of mixed.entries()) {
          const result = await images.add(chunk, delivery(offset));
          if (result !== undefined && result !== 'on disk') {
            const payload = await readFile(result.image.file);
            expect(createHash('sha256').update(payload).digest('hex')).toBe(chunk.sha256);
            complete.push(result.image.id);
            await result.done();
          }
        }
        expect(complete.toSorted()).toEqual(wanted.map((_one, index) => `image-${index}`));
        expect(done.length).toBe(mixed.length);
        expect(images.incomplete()).toEqual([]);
        await images.close();
      },
    ),
    { numRuns: 50 },
  );
  expect(await readdir(folder)).toEqual([]);
});

test('no record is done before its image is saved', async () => {
  const [first, second] = chunksOf('image', [10, 10]);
  const images = assembler();
  expect(await images.add(first!, delivery(0))).toBeUndefined();
  const result = (await images.add(second!, delivery(1))) as Exclude<
    Awaited<ReturnType<typeof images.add>>,
    'on disk' | undefined
  >;
  expect(await images.add(first!, delivery(2))).toBeUndefined();
  expect(done).toEqual([]);
  await result.done();
  expect(done).toEqual(['0', '1', '2']);
  expect(await images.add(second!, delivery(3))).toBe('on disk');
  expect(done).toEqual(['0', '1', '2', '3']);
  await images.close();
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
    const damaged = { ...second!, bytes: Buffer.alloc(10) };
    await expect(images.add(damaged, delivery(1))).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
    expect(done).toEqual([]);
    await images.close();
  });

  test('more bytes than were announced, before they are written', async () => {
    const [first] = chunksOf('image', [10, 10]);
    const images = assembler();
    await expect(images.add({ ...first!, bytes: Buffer.alloc(21) }, delivery(0))).rejects.toMatchObject({
      message: 'chunks of image image hold more than the 20 bytes that they announce',
    });
    await images.close();
  });

  test('more bytes of incomplete images than the disk is to hold', async () => {
    const images = assembler({ maxBytes: 15 });
    await images.add(chunksOf('one', [10, 10])[0]!, delivery(0));
    await expect(images.add(chunksOf('two', [10, 10])[0]!, delivery(1))).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringContaining('--max-incomplete-bytes') as string,
    });
    await images.close();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('an image that never completes', () => {
  test('is overdue by the timestamps of later chunks', async () => {
    const images = assembler();
    await images.add(chunksOf('old', [10, 10])[0]!, delivery(0, { timestamp: 1000 }));
    await images.add(chunksOf('new', [10, 10])[0]!, delivery(1, { timestamp: 61_000 }));
    expect(images.overdue(Date.now())).toBeUndefined();
    await images.add(chunksOf('new', [10, 10])[0]!, delivery(2, { timestamp: 61_001 }));
    expect(images.overdue(Date.now())).toMatchObject({
      id: 'old',
      have: 1,
      count: 2,
      first: { offset: '0' },
    });
    await images.close();
  });

  test('is overdue when nothing comes any more', async () => {
    const images = assembler();
    await images.add(chunksOf('old', [10, 10])[0]!, delivery(0));
    expect(images.overdue(Date.now() + 50_000)).toBeUndefined();
    expect(images.overdue(Date.now() + 70_000)).toMatchObject({ id: 'old' });
    await images.close();
  });

  test('is forgotten when its partition went to another member', async () => {
    const images = assembler();
    await images.add(chunksOf('old', [10, 10])[0]!, delivery(0, { isCurrent: () => false }));
    expect(images.overdue(Date.now() + 70_000)).toBeUndefined();
    expect(images.incomplete()).toEqual([]);
  });
});
