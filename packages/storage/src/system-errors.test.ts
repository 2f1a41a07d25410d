import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { classOfSystemError, systemErrorName, systemErrors } from './index.ts';

test('no name is in two classes', () => {
  const all = Object.values(systemErrors).flat();
  expect(new Set(all).size).toBe(all.length);
});

test.runIf(process.platform === 'linux')(
  'an error that Node.js has no name for is known by its number',
  () => {
    // As Node.js throws them: libuv knows neither.
    for (const name of ['EDQUOT', 'ESTALE'] as const) {
      const errno = -constants.errno[name];
      const error = Object.assign(new Error('write'), { errno, code: `Unknown system error ${errno}` });
      expect(systemErrorName(error)).toBe(name);
      expect(classOfSystemError(error)).toBe('transient');
    }
  },
);

test.each([
  ['ENAMETOOLONG', 'record'],
  ['ENOSPC', 'transient'],
  ['ENOTDIR', 'permanent'],
  ['EBADF', undefined],
  ['ERR_INVALID_ARG_TYPE', undefined],
])('%s: %s', (code, expected) => {
  expect(classOfSystemError(Object.assign(new Error(code), { code }))).toBe(expected);
});

test('what is no error of the system has no class', () => {
  for (const thrown of [new TypeError('a bug'), undefined, null, 'text', { code: 7 }]) {
    expect(classOfSystemError(thrown)).toBeUndefined();
  }
});

test('each listed name is known by the number that this system has for it', () => {
  for (const [kind, listed] of Object.entries(systemErrors)) {
    for (const name of listed) {
      const number = (constants.errno as Record<string, number>)[name];
      const error = Object.assign(new Error(name), { code: name, ...(number && { errno: -number }) });
      expect(classOfSystemError(error), name).toBe(kind);
    }
  }
});
