import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, expect } from 'vitest';

// What Node warns of, such as listeners that pile up, fails the test that caused it.
const warnings = [];
const note = ({ stack }) => warnings.push(stack);
process.on('warning', note);

async function expectNone() {
  // It is told in the tick after its cause.
  await setImmediate();
  expect(warnings.splice(0)).toEqual([]);
}

afterEach(expectNone);
// Several files may have one process.
afterAll(() => expectNone().finally(() => process.off('warning', note)));
