import type { Image } from '@image-stream/codec';
import { describe, expect, test } from 'vitest';
import { generatedImages } from './generated-images.ts';
import { paced } from './pace.ts';

const wanted = { pattern: 'noise', width: 4, height: 2 } as const;
const never = new AbortController().signal;

test('each with an id of its own, in the order of their ids', async () => {
  const images = await load(generatedImages(wanted));
  const ids = images.map(({ id }) => id);
  expect(new Set(ids).size).toBe(3);
  expect(ids).toEqual(ids.toSorted());
  expect(images[0]!.content).toMatchObject({ shape: [2, 4, 3], dtype: 'uint8' });
});

describe('customer ids', () => {
  test('are one UUID for a run where none is given', async () => {
    const customers = (await load(generatedImages(wanted))).map(({ customerId }) => customerId);
    expect(customers[0]).toMatch(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    expect(new Set(customers).size).toBe(1);
  });

  test('are the one that was given', async () => {
    const [image] = await load(generatedImages({ ...wanted, 'customer-id': 'lab' }));
    expect(image!.customerId).toBe('lab');
  });
});

test('a seed gives the same pixels again, and no seed gives others', async () => {
  const pixels = async (seed?: string): Promise<string> =>
    JSON.stringify((await load(generatedImages({ ...wanted, seed }))).map(({ content }) => content));
  expect(await pixels('7')).toBe(await pixels('7'));
  expect(await pixels()).not.toBe(await pixels());
});

test('the default is the size that the Python application sends', async () => {
  const [image] = await load(generatedImages({ pattern: 'noise' }), 1);
  expect(image!.content).toMatchObject({ shape: [1920, 1080, 3] });
});

describe('paced', () => {
  test('a limit ends them', async () => {
    const taken = [];
    for await (const item of paced([1, 2, 3], { limit: 2, rate: undefined, signal: never })) {
      taken.push(item);
    }
    expect(taken).toEqual([1, 2]);
  });

  test('an abort ends them between two', async () => {
    const controller = new AbortController();
    const taken = [];
    for await (const item of paced([1, 2, 3], { limit: 3, rate: undefined, signal: controller.signal })) {
      taken.push(item);
      controller.abort();
    }
    expect(taken).toEqual([1]);
  });

  test('an abort ends them while the next one is not yet due', async () => {
    const controller = new AbortController();
    const items = paced([1, 2, 3], { limit: 3, rate: 0.001, signal: controller.signal });
    await items.next();
    const next = items.next();
    controller.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });
});

async function load(source: ReturnType<typeof generatedImages>, count = 3): Promise<Image[]> {
  const images = [];
  for await (const { load: make } of paced(source, { limit: count, rate: undefined, signal: never })) {
    images.push(await make());
  }
  return images;
}
