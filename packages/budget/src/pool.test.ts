import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createBudget } from './budget.ts';
import { createPool } from './pool.ts';

/** A piece of work that goes on until it is told to end. */
function piece() {
  let hasBegun = false;
  let end = (_error?: Error): void => {};
  const work = new Promise<void>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve() : reject(error));
  });
  return {
    hasBegun: () => hasBegun,
    end,
    run: () => {
      hasBegun = true;
      return work;
    },
  };
}

test('work begins when there is room, and all of it is waited for', async () => {
  const pool = createPool(createBudget(10, 100));
  const [first, second, other] = [piece(), piece(), piece()];
  await pool.begin(6, first.run);
  const begun = pool.begin(6, second.run);
  await setImmediate();
  expect(second.hasBegun()).toBe(false);
  first.end();
  await begun;
  expect(second.hasBegun()).toBe(true);

  pool.add(other.run());
  let isDrained = false;
  const drained = pool.drain().then(() => {
    isDrained = true;
  });
  second.end();
  await setImmediate();
  expect(isDrained).toBe(false);
  other.end();
  await drained;
});

test('the first error is thrown to whoever goes on, once the others are done', async () => {
  const pool = createPool(createBudget(10, 100));
  const [first, second] = [piece(), piece()];
  await pool.begin(1, first.run);
  await pool.begin(1, second.run);
  first.end(new Error('first'));
  await setImmediate();
  await expect(pool.begin(1, async () => {})).rejects.toThrow('first');
  const drained = pool.drain();
  second.end(new Error('second'));
  await expect(drained).rejects.toThrow('first');
});

test('draining takes in what a piece of work adds meanwhile', async () => {
  const pool = createPool(createBudget(10, 10));
  const done: string[] = [];
  await pool.begin(1, async () => {
    await setImmediate();
    pool.add(setImmediate().then(() => void done.push('added')));
  });
  await pool.drain();
  expect(done).toEqual(['added']);
});
