import { expect, test } from 'vitest';
import { createThumbnails } from './thumbnails.ts';

const { signal } = new AbortController();

test('they are bounded in number; what was asked for longest ago goes first', async () => {
  const thumbnails = createThumbnails({ maxCount: 2, maxBytes: 1000, slots: 2 });
  const made: string[] = [];
  const get = (key: string): Promise<Uint8Array> =>
    thumbnails.get(
      key,
      1,
      async () => {
        made.push(key);
        return new Uint8Array(10);
      },
      signal,
    );
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) {
    await get(key);
  }
  expect(made).toEqual(['a', 'b', 'c', 'b']);
});

test('they are bounded in bytes', async () => {
  const thumbnails = createThumbnails({ maxCount: 100, maxBytes: 25, slots: 2 });
  const made: string[] = [];
  for (const key of ['a', 'b', 'c', 'd', 'c', 'd', 'b']) {
    await thumbnails.get(
      key,
      1,
      async () => {
        made.push(key);
        return new Uint8Array(10);
      },
      signal,
    );
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
  const both = await Promise.allSettled([
    thumbnails.get('a', 1, failing, signal),
    thumbnails.get('a', 1, failing, signal),
  ]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(attempts).toBe(1);
  await expect(thumbnails.get('a', 1, failing, signal)).rejects.toThrow('no picture');
  expect(attempts).toBe(2);
});

test('one that nobody waits for any more is not made, one that somebody waits for is', async () => {
  const thumbnails = createThumbnails({ maxCount: 100, maxBytes: 1000, slots: 1 });
  const made: string[] = [];
  const make = (key: string) => async (): Promise<Uint8Array> => {
    made.push(key);
    return new Uint8Array(10);
  };
  let finish = (): void => {};
  const busy = new Promise<void>((resolve) => (finish = resolve));
  const first = thumbnails.get('first', 1, () => busy.then(make('first')), signal);
  const [gone, other] = [new AbortController(), new AbortController()];
  const asked = [
    thumbnails.get('gone', 1, make('gone'), gone.signal),
    thumbnails.get('gone', 1, make('gone'), other.signal),
    thumbnails.get('shared', 1, make('shared'), gone.signal),
    thumbnails.get('shared', 1, make('shared'), signal),
  ];
  const settled = Promise.allSettled(asked);
  gone.abort();
  other.abort();
  finish();
  await first;
  expect((await settled).map(({ status }) => status)).toEqual([
    'rejected',
    'rejected',
    'rejected',
    'fulfilled',
  ]);
  expect(made).toEqual(['first', 'shared']);
});
