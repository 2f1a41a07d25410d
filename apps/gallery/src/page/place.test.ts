import { expect, test } from 'vitest';
import { placeInWords, placeOf } from './place.ts';

const now = new Date(2026, 10, 25, 16, 30);
const at = (...time: [number, number, number, number?, number?, number?]): string =>
  new Date(...time).toISOString();

test.each([
  ['0@1234', '0@1234'],
  ['@7', 'all@7'],
  ['7', 'all@7'],
  ['14:05', at(2026, 10, 25, 14, 5)],
  ['16:30', at(2026, 10, 25, 16, 30)],
  ['16:31', at(2026, 10, 24, 16, 31)],
  ['9:05:07', at(2026, 10, 25, 9, 5, 7)],
  ['2h', at(2026, 10, 25, 14, 30)],
  [' 2026-11-24 ', at(2026, 10, 24)],
  ['2026-11-24 14:05', at(2026, 10, 24, 14, 5)],
  ['2026-11-24T14:05:00Z', '2026-11-24T14:05:00.000Z'],
])('%s is a place', (text, place) => {
  expect(placeOf(text, now)).toBe(place);
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
  '25:99',
  '12:60',
  '2026-02-30',
  '2026-02-03 24:00',
])('%j is none', (text) => {
  expect(placeOf(text, now)).toBeUndefined();
});

test('a time is said with its date, and an offset as it was written', () => {
  expect(placeInWords(at(2026, 10, 24, 14, 5))).toMatch(/24.*2026|2026.*24/);
  expect(placeInWords('0@12')).toBe('0@12');
  expect(placeInWords('all@7')).toBe('@7');
});
