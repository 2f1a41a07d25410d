import { expect, test } from 'vitest';
import { queryOf } from './place.ts';

const now = new Date(2026, 10, 25, 16, 30);
const at = (...time: [number, number, number, number?, number?, number?]): string =>
  `time=${encodeURIComponent(new Date(...time).toISOString())}`;

test.each([
  ['0@1234', 'from=0@1234'],
  ['@7', 'from=all@7'],
  ['7', 'from=all@7'],
  ['14:05', at(2026, 10, 25, 14, 5)],
  ['9:05:07', at(2026, 10, 25, 9, 5, 7)],
  ['2h', at(2026, 10, 25, 14, 30)],
  [' 2026-11-24 ', at(2026, 10, 24)],
  ['2026-11-24 14:05', at(2026, 10, 24, 14, 5)],
  ['2026-11-24T14:05:00Z', `time=${encodeURIComponent('2026-11-24T14:05:00.000Z')}`],
])('%s is a place', (text, query) => {
  expect(queryOf(text, now)).toBe(query);
});

test.each([
  '',
  'yesterday',
  '1@',
  '@',
  '2 weeks',
  '2026-13-40',
  '1@2@3',
  '12:5',
  '24:00',
  '12:60',
  '2026-02-30',
  '2026-02-03 24:00',
])('%j is none', (text) => {
  expect(queryOf(text, now)).toBeUndefined();
});
