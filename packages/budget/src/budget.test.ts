import fc from 'fast-check';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createBudget } from './budget.ts';
import type { ByteBudget } from './budget.ts';

/** Work that asks for room in its order and keeps it until it is told to end. */
function reserveAll(budget: ByteBudget, sizes: readonly number[]) {
  const admitted: number[] = [];
  const releases = new Map<number, () => void>();
  sizes.forEach(async (size, index) => {
    const release = await budget.reserve(size);
    admitted.push(index);
    releases.set(index, release);
  });
  return {
    /** In the order of admission. */
    admitted,
    inFlight: () => [...releases.keys()],
    async end(index: number): Promise<void> {
      releases.get(index)!();
      releases.delete(index);
      await setImmediate();
    },
  };
}

test('what fits goes on at once, the next one waits for room', async () => {
  const work = reserveAll(createBudget(10, 100), [4, 6, 1]);
  await setImmediate();
  expect(work.inFlight()).toEqual([0, 1]);
  await work.end(0);
  expect(work.inFlight()).toEqual([1, 2]);
});

test('what is in use is told: no more bytes than there are, however large the work', async () => {
  const budget = createBudget(10, 100);
  const release = await budget.reserve(4);
  await budget.reserve(6);
  expect(budget.inUse()).toEqual({ bytes: 10, slots: 2 });
  release();
  expect(budget.inUse()).toEqual({ bytes: 6, slots: 1 });
});

test('a small one does not overtake a large one that waits', async () => {
  const work = reserveAll(createBudget(10, 100), [6, 8, 1]);
  await setImmediate();
  expect(work.inFlight()).toEqual([0]);
  await work.end(0);
  expect(work.inFlight()).toEqual([1, 2]);
});

test('what is larger than the budget travels alone', async () => {
  const work = reserveAll(createBudget(10, 100), [3, 1000, 3]);
  await setImmediate();
  expect(work.inFlight()).toEqual([0]);
  await work.end(0);
  expect(work.inFlight()).toEqual([1]);
  await work.end(1);
  expect(work.inFlight()).toEqual([2]);
});

test('work without bytes takes a slot', async () => {
  const work = reserveAll(createBudget(10, 2), [0, 0, 0]);
  await setImmediate();
  expect(work.inFlight()).toEqual([0, 1]);
  await work.end(1);
  expect(work.inFlight()).toEqual([0, 2]);
});

test('whatever comes and whenever it ends, the bounds hold and everything is admitted in its order', async () => {
  const sizes = fc.array(fc.nat(150), { minLength: 1, maxLength: 40 });
  const limits = [fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 5 })] as const;
  await fc.assert(
    fc.asyncProperty(...limits, sizes, fc.infiniteStream(fc.nat()), async (bytes, slots, all, choices) => {
      const work = reserveAll(createBudget(bytes, slots), all);
      await setImmediate();
      for (let ended = 0; ended < all.length; ended++) {
        const inFlight = work.inFlight();
        expect(inFlight.length).toBeGreaterThan(0);
        expect(inFlight.length).toBeLessThanOrEqual(slots);
        const total = inFlight.reduce((sum, index) => sum + all[index]!, 0);
        expect(total <= bytes || inFlight.filter((index) => all[index]! > 0).length === 1).toBe(true);
        await work.end(inFlight[choices.next().value! % inFlight.length]!);
      }
      expect(work.admitted).toEqual([...all.keys()]);
    }),
  );
});
