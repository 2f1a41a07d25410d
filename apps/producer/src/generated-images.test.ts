import type { Image } from '@image-stream/codec';
import { describe, expect, test } from 'vitest';
import { generatedImages } from './generated-images.ts';

const wanted = { 'num-messages': 3, pattern: 'noise', width: 4, height: 2 } as const;
const never = new AbortController().signal;

test('as many as asked for, each with an id of its own, in the order of their ids', async () => {
  const images = await collect(generatedImages(wanted, never));
  const ids = images.map(({ id }) => id);
  expect(ids).toHaveLength(3);
  expect(new Set(ids).size).toBe(3);
  expect(ids).toEqual(ids.toSorted());
  expect(images[0]!.content).toMatchObject({ shape: [2, 4, 3], dtype: 'uint8' });
});

describe('customer ids', () => {
  test('are one UUID for a run where none is given', async () => {
    const customers = (await collect(generatedImages(wanted, never))).map(({ customerId }) => customerId);
    expect(customers[0]).toMatch(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    expect(new Set(customers).size).toBe(1);
  });

  test('are the one that was given', async () => {
    const [image] = await collect(generatedImages({ ...wanted, 'customer-id': 'lab' }, never));
    expect(image!.customerId).toBe('lab');
  });
});

test('a seed gives the same pixels again, and no seed gives others', async () => {
  const pixels = async (seed?: string): Promise<string> =>
    JSON.stringify(
      (await collect(generatedImages({ ...wanted, seed }, never))).map(({ content }) => content),
    );
  expect(await pixels('7')).toBe(await pixels('7'));
  expect(await pixels()).not.toBe(await pixels());
});

test('the default is the size that the Python application sends', async () => {
  const { 'num-messages': _count, pattern } = wanted;
  const [image] = await collect(generatedImages({ 'num-messages': 1, pattern }, never));
  expect(image!.content).toMatchObject({ shape: [1920, 1080, 3] });
});

describe('an abort ends them', () => {
  test('between two images', async () => {
    const controller = new AbortController();
    const ids: string[] = [];
    for await (const { id } of generatedImages(wanted, controller.signal)) {
      ids.push(id);
      controller.abort();
    }
    expect(ids).toHaveLength(1);
  });

  test('while the next one is not yet due', async () => {
    const controller = new AbortController();
    const images = generatedImages({ ...wanted, rate: 0.001 }, controller.signal);
    await images.next();
    const next = images.next();
    controller.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });
});

async function collect(images: AsyncIterable<Image>): Promise<Image[]> {
  const all: Image[] = [];
  for await (const image of images) {
    all.push(image);
  }
  return all;
}
