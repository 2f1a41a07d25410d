import { readFileSync } from 'node:fs';
import { CodecError } from '@image-stream/codec';
import { ImageIoError } from '@image-stream/image-io';
import { systemErrors } from '@image-stream/storage';
import { expect, test } from 'vitest';
import { DeadLetterError } from './dead-letters.ts';
import { classifyFor } from './failures.ts';

const systemError = (code: string): Error => Object.assign(new Error(code), { code });

test.each([
  ['record', new CodecError('UNSUPPORTED', 'odd')],
  ['record', new ImageIoError('INVALID_IMAGE', 'odd')],
  ['record', systemError('ENAMETOOLONG')],
  ['transient', systemError('ENOSPC')],
  ['transient', new DeadLetterError('no broker', false)],
  ['permanent', systemError('ENOTDIR')],
  ['permanent', new DeadLetterError('no such name', true)],
  ['bug', systemError('EBADF')],
  ['bug', systemError('ERR_OUT_OF_RANGE')],
  ['bug', new TypeError('cannot read properties of undefined')],
  ['bug', undefined],
])('%s: %s', (answer, error) => {
  expect(classifyFor({ classify: () => undefined })(error)).toBe(answer);
});

test('a sink knows its own errors', () => {
  const classify = classifyFor({
    classify: (error) => ((error as Error).name === 'SlowDown' ? 'transient' : undefined),
  });
  expect(classify(Object.assign(new Error(), { name: 'SlowDown' }))).toBe('transient');
  expect(classify(systemError('ENOTDIR'))).toBe('permanent');
});

test('docs/OPERATIONS.md lists the errors of the system as they are taken', () => {
  const text = readFileSync(new URL('../../../docs/OPERATIONS.md', import.meta.url), 'utf8');
  const documented = Object.keys(systemErrors).map((name) => {
    const [, , , errors = ''] = text
      .split('\n')
      .find((line) => line.startsWith(`| \`${name}\` `))!
      .split('|');
    return [name, [...errors.matchAll(/`(E[A-Z0-9]+)`/g)].map(([, error]) => error!).toSorted()];
  });
  const taken = Object.entries(systemErrors).map(([name, errors]) => [name, errors.toSorted()]);
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(taken));
});
