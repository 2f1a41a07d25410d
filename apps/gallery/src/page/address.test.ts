import { expect, test } from 'vitest';
import { searchOf, viewOf } from './address.ts';

const live = { show: 'images', customer: '', id: '', reason: '', at: '', open: '' } as const;

test.each([
  ['?', live],
  ['?customer=a%26b', { ...live, customer: 'a&b' }],
  ['?at=0@12&open=images/0/12', { ...live, at: '0@12', open: 'images/0/12' }],
  ['?at=2026-11-24T14:05:00.000Z', { ...live, at: '2026-11-24T14:05:00.000Z' }],
  [
    '?show=dead-letters&reason=CodecError.LIMIT',
    { ...live, show: 'dead-letters', reason: 'CodecError.LIMIT' },
  ],
] as const)('%s is a view, and its address again', (search, view) => {
  expect(viewOf(search)).toEqual(view);
  expect(searchOf(view, '')).toBe(search);
});

test('what is no view is not taken', () => {
  expect(viewOf('?show=all&at=nowhere&open=events')).toEqual(live);
});

test('whatever else the address says is kept', () => {
  expect(searchOf({ ...live, id: 'one' }, '?topic=scans&id=two')).toBe('?topic=scans&id=one');
  expect(searchOf(live, '?topic=scans&at=0@1')).toBe('?topic=scans');
});
