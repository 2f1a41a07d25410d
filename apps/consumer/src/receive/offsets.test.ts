import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createOffsetTracker } from './offsets.ts';
import type { OffsetTracker } from './offsets.ts';

/** How far partition 0 is done, whose first record is at `first`. */
function position(tracker: OffsetTracker, first: bigint): bigint {
  return tracker.uncommitted()[0]?.offset ?? first;
}

describe('the lowest record that is not done holds the position', () => {
  test('whatever the order in which records get done', () => {
    const tracker = createOffsetTracker();
    for (const offset of [5n, 6n, 7n]) {
      expect(tracker.begin(0, offset)).toBe(true);
    }
    expect(position(tracker, 5n)).toBe(5n);
    tracker.done(0, 7n);
    expect(position(tracker, 5n)).toBe(5n);
    tracker.done(0, 5n);
    expect(position(tracker, 5n)).toBe(6n);
    tracker.done(0, 6n);
    expect(position(tracker, 5n)).toBe(8n);
  });

  test('each partition by itself', () => {
    const tracker = createOffsetTracker();
    tracker.begin(0, 0n);
    tracker.begin(1, 40n);
    tracker.done(1, 40n);
    expect(tracker.uncommitted()).toEqual([{ partition: 1, offset: 41n }]);
  });

  test('offsets beyond 2^53 stay exact', () => {
    const tracker = createOffsetTracker();
    tracker.begin(0, 2n ** 53n + 1n);
    tracker.done(0, 2n ** 53n + 1n);
    expect(tracker.uncommitted()).toEqual([{ partition: 0, offset: 2n ** 53n + 2n }]);
  });
});

test('a record that came before is not begun again', () => {
  const tracker = createOffsetTracker();
  expect([tracker.begin(0, 3n), tracker.begin(0, 3n), tracker.begin(0, 2n)]).toEqual([true, false, false]);
});

test('the end of a batch moves the position past records that were never handed out', () => {
  const tracker = createOffsetTracker();
  tracker.begin(0, 3n);
  tracker.reached(0, 9n);
  expect(position(tracker, 3n)).toBe(3n);
  tracker.done(0, 3n);
  expect(position(tracker, 3n)).toBe(9n);
});

test('what the broker confirmed is not committed again, and a late confirmation moves nothing back', () => {
  const tracker = createOffsetTracker();
  tracker.begin(0, 0n);
  tracker.begin(0, 1n);
  tracker.done(0, 0n);
  tracker.done(0, 1n);
  tracker.committed({ partition: 0, offset: 2n });
  tracker.committed({ partition: 0, offset: 1n });
  expect(tracker.uncommitted()).toEqual([]);
});

test('for any gaps and any order: never ahead of a record in work, and at the end everything is done', () => {
  const gaps = fc.array(fc.bigInt({ min: 1n, max: 5n }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(gaps, fc.infiniteStream(fc.nat()), (steps, choices) => {
      const tracker = createOffsetTracker();
      let last = -1n;
      const inWork = steps.map((step) => (last += step));
      const first = inWork[0]!;
      for (const offset of inWork) {
        tracker.begin(0, offset);
      }
      while (inWork.length > 0) {
        const [offset] = inWork.splice(choices.next().value! % inWork.length, 1);
        tracker.done(0, offset!);
        const lowest = inWork.toSorted((a, b) => Number(a - b))[0] ?? last + 1n;
        expect(position(tracker, first)).toBe(lowest);
      }
    }),
  );
});
