import { expect, test } from 'vitest';
import { commitMetadata, groupPosition } from './group-position.ts';

const bounds = { low: 5n, high: 8n, highWatermark: 10n };
const at = (offset: bigint, metadata = '') => ({ offset, metadata });
const own = commitMetadata('topic-1', 3);

test.each([
  ['nothing, from the beginning', undefined, true, 5n, undefined],
  ['nothing, from the end', undefined, false, 8n, undefined],
  ['an offset', at(6n), true, 6n, undefined],
  ['its end', at(8n), true, 8n, undefined],
  ['an offset within a transaction that is open', at(10n), true, 10n, undefined],
  ['an offset whose record was removed', at(2n), false, 5n, 'removed'],
  ['an offset beyond the end', at(11n), false, 5n, 'lost'],
  ['an offset of this topic', at(6n, own), false, 6n, undefined],
  ['an offset of another topic of this name', at(6n, commitMetadata('topic-0', 3)), false, 5n, 'recreated'],
  ['an offset with what another program wrote beside it', at(6n, 'topic=x'), true, 6n, undefined],
])('a group that has committed %s goes on', (_name, committed, fromBeginning, offset, cause) => {
  const position = groupPosition(committed, bounds, 'topic-1', fromBeginning);
  expect([position.offset, position.jump?.cause]).toEqual([offset, cause]);
});

test('the epoch of what is committed is known again, and none where it does not say', () => {
  expect(groupPosition(at(6n, own), bounds, 'topic-1', true).epoch).toBe(3);
  expect(groupPosition(at(6n), bounds, 'topic-1', true).epoch).toBe(-1);
});

test('where the brokers know no topic ids, none is compared', () => {
  expect(groupPosition(at(6n, own), bounds, undefined, true).jump).toBeUndefined();
});
