import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, expect } from 'vitest';

// What Node warns of, such as listeners that pile up, fails the test that caused it.
const warnings = [];
process.on('warning', ({ stack }) => warnings.push(stack));

async function expectNone() {
  // It is told in the tick after its cause.
  await setImmediate();
  expect(warnings.splice(0)).toEqual([]);
}

afterEach(expectNone);
afterAll(expectNone);
