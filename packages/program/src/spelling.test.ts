import { expect, test } from 'vitest';
import { meant, passedOn } from './spelling.ts';

test('the -- before everything is left out where a package manager has put it there', () => {
  const environment = { npm_lifecycle_event: 'producer' };
  expect(passedOn(['--', '-n', '5'], environment)).toEqual(['-n', '5']);
  expect(passedOn(['--', '--', '--a.png'], environment)).toEqual(['--', '--a.png']);
  expect(passedOn(['--', '--a.png'], {})).toEqual(['--', '--a.png']);
  expect(passedOn(['-n', '5'], environment)).toEqual(['-n', '5']);
});

test.each([
  ['sned', ['send']],
  ['recieve', ['receive']],
  ['snd', ['send']],
  ['rec', ['receive']],
  ['kafak', ['kafka']],
  ['photos', []],
  ['ab', []],
])('%s may mean %j', (typed, names) => {
  expect(meant(typed, ['send', 'receive', 'verify', 'kafka', 'ba'])).toEqual(names);
});
