import { expect, test } from 'vitest';
import { customerFromPath } from './customer-from-path.ts';

test.each([
  ['{customer}/**', 'garden/2026/a.jpg', 'garden'],
  ['{customer}/*', 'garden/a.jpg', 'garden'],
  ['**/{customer}/*.jpg', 'site/garden/a.jpg', 'garden'],
  ['**/{customer}/*.jpg', 'garden/a.jpg', 'garden'],
  ['cam-{customer}/*', 'cam-7/a.jpg', '7'],
  ['*_{customer}.png', 'scan_lab.png', 'lab'],
  ['a+(b)/{customer}', 'a+(b)/c', 'c'],
])('%s finds in %s the customer %s', (pattern, path, customer) => {
  expect(customerFromPath(pattern)(path)).toBe(customer);
});

test.each([
  ['{customer}/*', 'a.jpg'],
  ['{customer}/*', 'a/b/c.jpg'],
  ['cam.{customer}/*', 'cam-7/a.jpg'],
])('%s does not match %s', (pattern, path) => {
  expect(() => customerFromPath(pattern)(path)).toThrow(`does not match --customer-from-path '${pattern}'`);
});

test.each(['*/a', '', '{customer}/{customer}'])('%j is no pattern', (pattern) => {
  expect(() => customerFromPath(pattern)).toThrow('must contain {customer} once');
});
