import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { listFiles } from './files.ts';

test.each([
  ['a folder', 'below'],
  ['a glob', '**/*.png'],
  ['a file', 'first.png'],
])('a list of %s ends with the signal, and nothing is wrong with it', async (_kind, input) => {
  const cwd = mkdtempSync(join(tmpdir(), 'files-'));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  mkdirSync(join(cwd, 'below', 'deep'), { recursive: true });
  for (const name of ['first.png', 'below/a.png', 'below/b.png', 'below/deep/c.png']) {
    writeFileSync(join(cwd, name), '');
  }
  const stopping = new AbortController();
  const files = listFiles(['first.png', input], { cwd, recursive: true, signal: stopping.signal });
  expect(await files.next()).toMatchObject({ value: { relativePath: 'first.png' } });
  stopping.abort();
  expect(await files.next()).toEqual({ done: true, value: undefined });
});

test('a list ends in the middle of a folder', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'files-'));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, 'a.png'), '');
  writeFileSync(join(cwd, 'b.png'), '');
  const stopping = new AbortController();
  const files = listFiles(['.'], { cwd, recursive: true, signal: stopping.signal });
  await files.next();
  stopping.abort();
  expect(await files.next()).toEqual({ done: true, value: undefined });
});
