import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readLogin } from './login.ts';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

test('admits users with their passwords, and tokens', async () => {
  const login = (await readLogin({
    file: await fileOf('ann:swordfish\r\n\nbøb:with: a colon\ntoken-0123456789==\n'),
    variable: undefined,
  }))!;
  for (const one of [
    basic('ann:swordfish'),
    basic('bøb:with: a colon'),
    'Bearer token-0123456789==',
    'bearer  token-0123456789==',
    // Browsers ask for a user and a password.
    basic(':token-0123456789=='),
    basic('anybody:token-0123456789=='),
  ]) {
    expect([one, login.admits(one)]).toEqual([one, true]);
  }
  for (const one of [
    undefined,
    '',
    'Basic',
    'Bearer ',
    basic(''),
    basic('ann'),
    basic('ann:'),
    basic('ann:swordfish '),
    basic('bøb:swordfish'),
    basic(':swordfish'),
    basic('ann:swordfish\nbøb:with: a colon'),
    'Bearer ann:swordfish',
    'Bearer swordfish',
    'Bearer token-0123456789=',
    `Bearer token-0123456789== ${basic('ann:swordfish')}`,
    `Digest ${Buffer.from('ann:swordfish').toString('base64')}`,
  ]) {
    expect([one, login.admits(one)]).toEqual([one, false]);
  }
});

test('is that of the environment where there is no file, and none where neither is', async () => {
  const login = await readLogin({ file: undefined, variable: 'ann:swordfish' });
  expect(login!.admits(basic('ann:swordfish'))).toBe(true);
  expect(await readLogin({ file: undefined, variable: undefined })).toBeUndefined();
});

test.each([
  ['', 'IMAGE_STREAM_LOGIN is empty; write user:password or a token, a line each'],
  ['ann:short', 'line 1 of IMAGE_STREAM_LOGIN: a password must have 8 characters or more, not 5'],
  ['ann:swordfish\nshort', 'line 2 of IMAGE_STREAM_LOGIN: a token must have 8 characters or more, not 5'],
  [':swordfish', 'line 1 of IMAGE_STREAM_LOGIN has no user before the colon'],
  [
    'two words',
    'line 1 of IMAGE_STREAM_LOGIN is neither user:password nor a token of letters, digits and -._~+/',
  ],
])('refuses %j', async (variable, message) => {
  await expect(readLogin({ file: undefined, variable })).rejects.toThrow(message);
});

test('refuses two of them, and a file that is not there', async () => {
  const file = await fileOf('ann:swordfish');
  await expect(readLogin({ file, variable: '' })).rejects.toThrow(
    '--login-file and IMAGE_STREAM_LOGIN are both set; unset one of them',
  );
  await expect(readLogin({ file: `${file}.no`, variable: undefined })).rejects.toThrow(
    /^--login-file cannot be read: ENOENT/,
  );
});

async function fileOf(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'login-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'login');
  writeFileSync(file, text);
  return file;
}
