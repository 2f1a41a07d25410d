import { expect, test } from 'vitest';
import { describePace } from './timing.ts';

test.each<[images: number, done: number, total: number | undefined, text: string]>([
  [0, 0, 100, '0 images/s'],
  [20, 25, 100, '2 images/s, 30 s left'],
  [20, 100, 100, '2 images/s'],
  [20, 20, undefined, '2 images/s'],
])('%d images, %d of %s done after 10 s: %s', (images, done, total, text) => {
  expect(describePace(images, done, total, 10_000)).toBe(text);
});
