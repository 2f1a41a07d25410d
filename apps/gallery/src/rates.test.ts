import { expect, test } from 'vitest';
import { createRates } from './rates.ts';

test('what came and what of it is shown in the last three seconds, a second', () => {
  let now = 0;
  const rates = createRates(() => now);
  rates.came(900, 1);
  rates.shown();
  expect(rates.read()).toEqual({ imagesPerSecond: 1 / 3, bytesPerSecond: 300, shownPerSecond: null });
  now = 2000;
  rates.came(300, 1);
  rates.came(300, 0);
  rates.skipped(1);
  expect(rates.read()).toEqual({ imagesPerSecond: 2 / 3, bytesPerSecond: 500, shownPerSecond: 1 / 3 });
  now = 3000;
  expect(rates.read()).toEqual({ imagesPerSecond: 1 / 3, bytesPerSecond: 200, shownPerSecond: 0 });
  now = 6000;
  expect(rates.read()).toEqual({ imagesPerSecond: 0, bytesPerSecond: 0, shownPerSecond: null });
});
