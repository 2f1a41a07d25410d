import { expect, test } from 'vitest';
import { normalize, passedOn } from './spelling.ts';

const options = { 'some-option': { type: 'string' }, flag: { type: 'boolean' } } as const;

test.each([
  [
    ['--some_option', 'a_b'],
    ['--some-option', 'a_b'],
  ],
  [['--flag', 'False'], ['--flag=False']],
  [
    ['--flag', '--', '--a_b.png', '--flag', 'true', '--some_option=1'],
    ['--flag=true', '--', '--a_b.png', '--flag', 'true', '--some_option=1'],
  ],
  [
    ['--', '--a_b.png'],
    ['--', '--a_b.png'],
  ],
  [
    ['--', '--'],
    ['--', '--'],
  ],
])('%j is read as %j: what stands behind -- stays as it was typed', (args, expected) => {
  expect(normalize(args, options)).toEqual(expected);
});

test('the -- before everything is left out where a package manager has put it there', () => {
  const environment = { npm_lifecycle_event: 'producer' };
  expect(passedOn(['--', '-n', '5'], environment)).toEqual(['-n', '5']);
  expect(passedOn(['--', '--', '--a.png'], environment)).toEqual(['--', '--a.png']);
  expect(passedOn(['--', '--a.png'], {})).toEqual(['--', '--a.png']);
  expect(passedOn(['-n', '5'], environment)).toEqual(['-n', '5']);
});
