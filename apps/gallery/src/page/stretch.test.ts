import { expect, test } from 'vitest';
import type { Item, Part } from '../messages.ts';
import { cursorOf, withNewer, withOlder } from './stretch.ts';

/** `1@7` as an item. */
function item(place: string): Item {
  const [partition, offset] = place.split('@') as [string, string];
  return { topic: 'images', partition: Number(partition), offset, timestamp: 0, recordBytes: 1 };
}
const placesOf = (items: readonly Item[]): string[] =>
  items.map(({ partition, offset }) => `${partition}@${offset}`);
const part = (places: string[], older: Part['older'], newer: Part['newer']): Part => ({
  items: places.map(item),
  older,
  newer,
  isEnd: false,
  removed: 0,
  looked: 0,
  lookedTo: null,
});
const stretch = {
  items: ['0@9', '1@5', '0@8', '1@4', '0@7'].map(item),
  older: { 0: '7', 1: '4' },
  newer: { 0: '10', 1: '6' },
};

test('what is older follows, and whole rows at the top make room for it', () => {
  const older = part(['1@3', '0@6', '0@7'], { 0: '6', 1: '3' }, stretch.older);
  const longer = withOlder(stretch, older, { most: 4, columns: 2 });
  // An odd one stays, so that no tile changes its column.
  expect(placesOf(longer.items)).toEqual(['0@8', '1@4', '0@7', '1@3', '0@6']);
  expect(longer).toMatchObject({ older: { 0: '6', 1: '3' }, newer: { 0: '9', 1: '5' } });
});

test('what is newer comes first, and the oldest make room for it', () => {
  const newer = part(['1@7', '0@10', '1@6'], stretch.newer, { 0: '11', 1: '8' });
  const longer = withNewer(stretch, newer, { most: 5 });
  expect(placesOf(longer.items)).toEqual(['1@7', '0@10', '1@6', '0@9', '1@5']);
  expect(longer).toMatchObject({ older: { 0: '9', 1: '5' }, newer: { 0: '11', 1: '8' } });
});

test('a cursor names every partition', () => {
  expect(cursorOf(stretch.older)).toBe('0@7,1@4');
});
