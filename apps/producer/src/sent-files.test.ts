import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openSentFiles } from './sent-files.ts';

const here = { clusterId: 'cluster', topic: 'images' };
const version = { size: 10, mtimeMs: 1_700_000_000_000.25 };

async function stateFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sent-files-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, 'sent');
}

test('a file that was sent is known after a restart, by its size and time', async () => {
  const path = await stateFile();
  await (await openSentFiles(path, here)).add('a/b ü\n.png', version);
  const sent = await openSentFiles(path, here);
  expect(sent.has('a/b ü\n.png', version)).toBe(true);
  expect(sent.has('a/b ü\n.png', { ...version, size: 11 })).toBe(false);
  expect(sent.has('a/b ü\n.png', { ...version, mtimeMs: 1 })).toBe(false);
  expect(sent.has('a', version)).toBe(false);
});

test.each([
  ['topic', { ...here, topic: 'others' }],
  ['cluster', { ...here, clusterId: 'test' }],
])('what one %s has got, another one has not', async (_what, elsewhere) => {
  const path = await stateFile();
  await (await openSentFiles(path, elsewhere)).add('a', version);
  expect((await openSentFiles(path, here)).has('a', version)).toBe(false);
  expect((await openSentFiles(path, elsewhere)).has('a', version)).toBe(true);
});

test('a line that a killed process left unfinished spoils no other', async () => {
  const path = await stateFile();
  await (await openSentFiles(path, here)).add('a', version);
  await appendFile(path, '{"clusterId":"cluster","topic":"ima');
  const sent = await openSentFiles(path, here);
  await sent.add('b', version);
  const again = await openSentFiles(path, here);
  expect([again.has('a', version), again.has('b', version)]).toEqual([true, true]);
});

test('its size is bounded by the files that there are, and nothing is lost when it is written anew', async () => {
  const path = await stateFile();
  await (await openSentFiles(path, { ...here, topic: 'others' })).add('theirs', version);
  const sent = await openSentFiles(path, here);
  await sent.add('stays', version);
  for (let index = 0; index < 3000; index++) {
    await sent.add(`spool/${index}.jpg`, version);
    sent.delete(`spool/${index}.jpg`);
  }
  await sent.add('last', version);
  expect((await readFile(path, 'utf8')).split('\n').length).toBeLessThan(2000);
  const again = await openSentFiles(path, here);
  expect([again.has('stays', version), again.has('last', version)]).toEqual([true, true]);
  expect((await openSentFiles(path, { ...here, topic: 'others' })).has('theirs', version)).toBe(true);
});

test('many files at once are noted in few writes, and a write that fails is made up for by the next one', async () => {
  const path = await stateFile();
  const sent = await openSentFiles(path, here);
  await Promise.all(Array.from({ length: 20_000 }, (_one, index) => sent.add(`${index}.jpg`, version)));
  await rename(path, `${path}.away`);
  await mkdir(path);
  await expect(sent.add('unnoted', version)).rejects.toThrow('EISDIR');
  await rm(path, { recursive: true });
  await rename(`${path}.away`, path);
  await sent.add('last', version);
  const again = await openSentFiles(path, here);
  const names = ['0.jpg', '19999.jpg', 'unnoted', 'last'];
  expect(names.map((name) => again.has(name, version))).toEqual([true, true, true, true]);
});

test('a pipe in its place is refused, and not waited for', async () => {
  const path = await stateFile();
  execFileSync('mkfifo', [path]);
  await expect(openSentFiles(path, here)).rejects.toThrow(
    'is not a file; choose another place with --state-file',
  );
});

test('a place that cannot be written is refused with the option', async () => {
  const path = await stateFile();
  await writeFile(path, '');
  await expect(openSentFiles(join(path, 'below'), here)).rejects.toThrow('--state-file');
});
