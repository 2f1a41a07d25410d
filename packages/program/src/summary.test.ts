import { expect, test } from 'vitest';
import { describeSummary, emptySummary } from './summary.ts';
import type { Summary } from './summary.ts';
import { timing } from './timing.ts';

const summary: Summary = {
  images: 2,
  failed: 0,
  skipped: 0,
  deadLettered: 0,
  tombstones: 0,
  removed: 0,
  payloadBytes: 10_000_000,
  wireBytes: 5_000_000,
  seconds: 4,
  imagesPerSecond: 0.5,
};

test.each<[string, Partial<Summary>, string]>([
  ['all of it', {}, 'sent 2 images: 10.0 MB, 5.0 MB on the wire, 4.0 s, 0.5 images/s, 2.5 MB/s'],
  ['one image', { images: 1 }, 'sent 1 image: '],
  ['images that were there', { skipped: 3 }, 'sent 2 images, 3 already there:'],
  ['bad records', { deadLettered: 1 }, 'sent 2 images, 1 bad record:'],
  ['failures', { skipped: 3, failed: 4 }, 'sent 2 images, 3 already there, 4 FAILED:'],
  ['none but bad records', { images: 0, deadLettered: 2, wireBytes: 5 }, 'sent 0 images, 2 bad records'],
  ['no time', { seconds: 0 }, 'sent 2 images: 10.0 MB, 5.0 MB on the wire, 0.0 s'],
  [
    'more than a line holds',
    { images: 100_000, skipped: 3, failed: 2, seconds: 1234.56, imagesPerSecond: 81 },
    'sent 100000 images, 3 already there, 2 FAILED:\n  10.0 MB, 5.0 MB on the wire, 1234.6 s, 81 images/s, 8.1 kB/s',
  ],
])('%s', (_name, changed, line) => {
  const described = describeSummary('sent', { ...summary, ...changed });
  expect(described.slice(0, line.length)).toBe(line);
  expect(Math.max(...described.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
});

test.each([
  [10, 2345.678, { seconds: 2.346, imagesPerSecond: 4.3 }],
  [0, 0, { seconds: 0, imagesPerSecond: 0 }],
])('%d images in %d ms', (images, milliseconds, expected) => {
  expect(timing(images, milliseconds)).toEqual(expected);
});

test('of nothing, there are no sizes and rates', () => {
  expect(describeSummary('saved', emptySummary)).toBe('saved 0 images');
});
