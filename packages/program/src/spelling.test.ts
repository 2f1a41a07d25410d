import { expect, test } from 'vitest';
import { passedOn } from './spelling.ts';

test('the -- before everything is left out where a package manager has put it there', () => {
  const environment = { npm_lifecycle_event: 'producer' };
  expect(passedOn(['--', '-n', '5'], environment)).toEqual(['-n', '5']);
  expect(passedOn(['--', '--', '--a.png'], environment)).toEqual(['--', '--a.png']);
  expect(passedOn(['--', '--a.png'], {})).toEqual(['--', '--a.png']);
  expect(passedOn(['-n', '5'], environment)).toEqual(['-n', '5']);
});
