import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createOffsetTracker } from './offsets.ts';
import type { OffsetTracker } from './offsets.ts';

/** A tracker of a group that has committed where it begins. */
function trackerFrom(offset: bigint): OffsetTracker {
  return createOffsetTracker({ offset, epoch: 4 }, offset);
}

/** How far a tracker is done, which began at `first`. */
function position(tracker: OffsetTracker, first: bigint): bigint {
  return tracker.uncommitted()?.offset ?? first;
}

describe('the lowest record that is not done holds the position', () => {
  test('whatever the order in which records get done', () => {
    const tracker = trackerFrom(5n);
    for (const offset of [5n, 6n, 7n]) {
      tracker.begin(offset, 4);
    }
    expect(position(tracker, 5n)).toBe(5n);
    tracker.done(7n);
    expect(position(tracker, 5n)).toBe(5n);
    tracker.done(5n);
    expect(position(tracker, 5n)).toBe(6n);
    tracker.done(6n);
    expect(position(tracker, 5n)).toBe(8n);
  });

  test('offsets beyond 2^53 stay exact', () => {
    const tracker = trackerFrom(0n);
    tracker.begin(2n ** 53n + 1n, 4);
    tracker.done(2n ** 53n + 1n);
    expect(tracker.uncommitted()).toEqual({ offset: 2n ** 53n + 2n, epoch: 4 });
  });

  test('with the epoch of the newest records, so that one that is lost is noticed', () => {
    const tracker = trackerFrom(0n);
    tracker.begin(0n, 4);
    tracker.begin(1n, 5);
    tracker.done(0n);
    expect(tracker.uncommitted()).toEqual({ offset: 1n, epoch: 5 });
  });
});

test('a record that nobody took comes next again', () => {
  const tracker = trackerFrom(3n);
  tracker.begin(3n, 4);
  tracker.withdraw(3n);
  expect([tracker.next(), tracker.inWork(), tracker.uncommitted()]).toEqual([3n, 0, undefined]);
});

test('the end of a batch moves the position past records that were never handed out', () => {
  const tracker = trackerFrom(3n);
  tracker.begin(3n, 4);
  tracker.reached(9n, 4);
  expect(position(tracker, 3n)).toBe(3n);
  tracker.done(3n);
  expect(position(tracker, 3n)).toBe(9n);
});

describe('what is to be committed', () => {
  test('is nothing where the broker has confirmed it', () => {
    const tracker = trackerFrom(0n);
    tracker.begin(0n, 4);
    tracker.done(0n);
    tracker.committed(1n);
    expect(tracker.uncommitted()).toBeUndefined();
  });

  test('is where it begins, where the group has committed another place, or none', () => {
    const start = { offset: 2n, epoch: 4 };
    expect(createOffsetTracker(start, 990n).uncommitted()).toEqual(start);
    expect(createOffsetTracker(start, undefined).uncommitted()).toEqual(start);
  });
});

test('records that are done take no memory behind one that never is', () => {
  const tracker = trackerFrom(0n);
  tracker.begin(0n, 4);
  for (let offset = 1n; offset < 10_000n; offset += 1n) {
    tracker.begin(offset, 4);
    tracker.done(offset);
  }
  expect(tracker.inWork()).toBe(1);
  expect(position(tracker, 0n)).toBe(0n);
  tracker.done(0n);
  expect(position(tracker, 0n)).toBe(10_000n);
});

test('for any gaps and any order: never ahead of a record in work, and at the end everything is done', () => {
  const gaps = fc.array(fc.bigInt({ min: 1n, max: 5n }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(gaps, fc.infiniteStream(fc.nat()), (steps, choices) => {
      let last = -1n;
      const inWork = steps.map((step) => (last += step));
      const first = inWork[0]!;
      const tracker = trackerFrom(first);
      for (const offset of inWork) {
        tracker.begin(offset, 4);
      }
      while (inWork.length > 0) {
        const [offset] = inWork.splice(choices.next().value! % inWork.length, 1);
        tracker.done(offset!);
        const lowest = inWork.toSorted((a, b) => Number(a - b))[0] ?? last + 1n;
        expect(position(tracker, first)).toBe(lowest);
      }
    }),
  );
});
