import { expect, test } from 'vitest';
import { checkNode } from './machine.ts';

test.each([
  ['18.20.4', 'problem'],
  ['20.18.9', 'problem'],
  ['20.19.0', 'ok'],
  ['22.0.0', 'ok'],
])('Node.js %s: %s', (version, status) => {
  expect(checkNode(version).status).toBe(status);
});
