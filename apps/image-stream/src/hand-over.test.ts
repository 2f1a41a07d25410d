import { expect, test } from 'vitest';
import { createHandOver } from './hand-over.ts';

const always = (): boolean => true;

test('an item is done with when the loop asks for the next one', async () => {
  const handOver = createHandOver<string>();
  const said: string[] = [];
  const offers = ['one', 'two'].map(async (item) => {
    said.push(`${item} is ${(await handOver.offer(item, always)) ? 'done' : 'not taken'}`);
  });
  for await (const item of handOver) {
    said.push(item);
    if (item === 'two') {
      handOver.close();
    }
  }
  await Promise.all(offers);
  expect(said).toEqual(['one', 'one is done', 'two', 'two is done']);
});

test('an item at which the loop ends is not done with, and those after it are not taken', async () => {
  const handOver = createHandOver<string>();
  const offers = ['one', 'two', 'three'].map((item) => handOver.offer(item, always));
  for await (const item of handOver) {
    if (item === 'two') {
      break;
    }
  }
  expect(await Promise.all(offers)).toEqual([true, false, false]);
  expect(await handOver.offer('four', always)).toBe(false);
});

test('an item that is not wanted when its turn comes is passed over', async () => {
  const handOver = createHandOver<string>();
  let isWanted = true;
  const offers = [handOver.offer('one', always), handOver.offer('two', () => isWanted)];
  const seen: string[] = [];
  for await (const item of handOver) {
    seen.push(item);
    isWanted = false;
    void offers[1]!.then(() => handOver.close());
  }
  expect(seen).toEqual(['one']);
  expect(await Promise.all(offers)).toEqual([true, false]);
});

test('an error ends the loop once it asks for the next item', async () => {
  const handOver = createHandOver<string>();
  const offer = handOver.offer('one', always);
  const seen: string[] = [];
  const loop = async (): Promise<void> => {
    for await (const item of handOver) {
      seen.push(item);
      handOver.close(new Error('no more'));
    }
  };
  await expect(loop()).rejects.toThrow('no more');
  expect(seen).toEqual(['one']);
  expect(await offer).toBe(true);
});
