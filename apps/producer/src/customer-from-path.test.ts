import { expect, test } from 'vitest';
import { customerFromPath, customerPattern } from './customer-from-path.ts';

test.each([
  ['(?<customer>[^/]+)/', 'garden/2026/a.jpg', 'garden'],
  ['(?<customer>[^/]+)/[^/]+$', 'garden/a.jpg', 'garden'],
  ['[^/]+/(?<customer>[^/]+)/', 'site/garden/a.jpg', 'garden'],
  ['.*/(?<customer>[^/]+)/[^/]+\\.jpg$', 'site/7/garden/a.jpg', 'garden'],
  ['cam-(?<customer>\\d+)', 'cam-7/a.jpg', '7'],
  ['scan_(?<customer>.+)\\.png|(?<site>.+)/', 'scan_lab.png', 'lab'],
  ['(?<customer>\\p{L}+)/', 'gärten/a.png', 'gärten'],
])('%s finds in %s the customer %s', (pattern, path, customer) => {
  expect(customerFromPath(customerPattern(pattern))(path)).toBe(customer);
});

test.each([
  ['(?<customer>[^/]+)/', 'a.jpg'],
  ['(?<customer>[^/]+)/[^/]+$', 'a/b/c.jpg'],
  ['(?<customer>\\d*)/', 'a/1/c.jpg'],
  ['(?<customer>\\d*)', 'a.jpg'],
  ['cam\\.(?<customer>\\d+)', 'cam-7/a.jpg'],
])('%s does not match %s', (pattern, path) => {
  expect(() => customerFromPath(customerPattern(pattern))(path)).toThrow(
    `its path ${path} does not match --customer-from-path`,
  );
});

test.each([
  ['{customer}/**', 'is none: Invalid regular expression'],
  ['', 'has no group named customer'],
  ['([^/]+)/', 'has no group named customer'],
  ['(?<customer>', 'is none: Invalid regular expression'],
  ['(?<customer>a)(?<customer>b)', 'is none: Invalid regular expression'],
])('%j is refused', (pattern, problem) => {
  expect(() => customerPattern(pattern)).toThrow(
    `--customer-from-path must be a regular expression such as '(?<customer>[^/]+)/'; '${pattern}' ${problem}`,
  );
});
