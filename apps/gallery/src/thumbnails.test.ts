import { expect, test } from 'vitest';
import { createThumbnails } from './thumbnails.ts';

test('they are bounded in number; what was asked for longest ago goes first', async () => {
  const thumbnails = createThumbnails({ maxCount: 2, maxBytes: 1000 });
  const made: string[] = [];
  const get = (key: string): Promise<Uint8Array> =>
    thumbnails.get(key, 1, async () => {
      made.push(key);
      return new Uint8Array(10);
    });
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) {
    await get(key);
  }
  expect(made).toEqual(['a', 'b', 'c', 'b']);
});

test('they are bounded in bytes', async () => {
  const thumbnails = createThumbnails({ maxCount: 100, maxBytes: 25 });
  const made: string[] = [];
  for (const key of ['a', 'b', 'c', 'd', 'c', 'd', 'b']) {
    await thumbnails.get(key, 1, async () => {
      made.push(key);
      return new Uint8Array(10);
    });
  }
  expect(made).toEqual(['a', 'b', 'c', 'd', 'b']);
});

test('one that is being made is made once, and one that failed is tried again', async () => {
  const thumbnails = createThumbnails();
  let attempts = 0;
  const failing = async (): Promise<Uint8Array> => {
    attempts += 1;
    throw new Error('no picture');
  };
  const both = await Promise.allSettled([thumbnails.get('a', 1, failing), thumbnails.get('a', 1, failing)]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(attempts).toBe(1);
  await expect(thumbnails.get('a', 1, failing)).rejects.toThrow('no picture');
  expect(attempts).toBe(2);
});
