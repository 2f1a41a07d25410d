import { expect, test } from 'vitest';
import { createRates } from './rates.ts';

test('what came in the last three seconds, a second', () => {
  let now = 0;
  const rates = createRates(() => now);
  rates.count(900, true);
  now = 2000;
  rates.count(300, true);
  rates.count(300, false);
  expect(rates.read()).toEqual({ imagesPerSecond: 2 / 3, bytesPerSecond: 500 });
  now = 3000;
  expect(rates.read()).toEqual({ imagesPerSecond: 1 / 3, bytesPerSecond: 200 });
  now = 6000;
  expect(rates.read()).toEqual({ imagesPerSecond: 0, bytesPerSecond: 0 });
});
