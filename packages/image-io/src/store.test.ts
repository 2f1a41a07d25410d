import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openImageStore } from './index.ts';

const path = 'customer=c/date=2026-01-01/a.png';
const bytes = Buffer.from('an image');
const isSame = (existing: Buffer): boolean => existing.equals(bytes);

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'image-store-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('a file is there, whole, and nothing else', async () => {
  const store = await openImageStore(join(directory, 'new', 'output'));
  expect(await store.save(path, bytes, isSame)).toBe('written');
  expect(await readFile(join(directory, 'new', 'output', path))).toEqual(bytes);
  expect(await readdir(join(directory, 'new', 'output', '.tmp'))).toEqual([]);
});

test('a second copy makes no second file', async () => {
  const store = await openImageStore(directory);
  await store.save(path, bytes, isSame);
  const first = await stat(join(directory, path));
  expect(await store.save(path, bytes, isSame)).toBe('exists');
  expect((await stat(join(directory, path))).ino).toBe(first.ino);
});

test('other content under the same name is a conflict, unless it may replace', async () => {
  const store = await openImageStore(directory);
  await store.save(path, Buffer.from('first'), isSame);
  await expect(store.save(path, bytes, isSame)).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(await readFile(join(directory, path), 'utf8')).toBe('first');
  expect(await store.save(path, bytes, isSame, true)).toBe('replaced');
  expect(await readFile(join(directory, path))).toEqual(bytes);
  expect(await readdir(join(directory, '.tmp'))).toEqual([]);
});

test('of many writers of one name one wins', async () => {
  const stores = await Promise.all(Array.from({ length: 8 }, () => openImageStore(directory)));
  const saved = await Promise.all(stores.map((store) => store.save(path, bytes, isSame)));
  expect(saved.toSorted()).toEqual([...Array.from({ length: 7 }, () => 'exists'), 'written']);
});

describe('links planted in the output', () => {
  test.each([
    ['a folder', 'customer=c'],
    ['a file', path],
  ])('as %s', async (_name, planted) => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'elsewhere-'));
    const store = await openImageStore(directory);
    await mkdir(join(directory, planted, '..'), { recursive: true });
    await symlink(join(elsewhere, 'target'), join(directory, planted));
    await mkdir(join(elsewhere, 'target'));
    await expect(store.save(path, bytes, isSame)).rejects.toMatchObject({ code: 'UNSAFE_PATH' });
    expect(await readdir(join(elsewhere, 'target'))).toEqual([]);
    await rm(elsewhere, { recursive: true });
  });
});

test('what a killed process left unfinished is removed, what a living one writes is not', async () => {
  const { pid: gone } = spawnSync(process.execPath, ['--version']);
  await mkdir(join(directory, '.tmp'));
  const names = {
    gone: `${hostname()}.${gone}.1.x`,
    sameIdInAnEarlierLife: `${hostname()}.${process.pid}.1.x`,
    living: `${hostname()}.1.1.x`,
    elsewhere: 'another-host.1.1.x',
  };
  await Promise.all(Object.values(names).map((name) => writeFile(join(directory, '.tmp', name), '')));
  await openImageStore(directory);
  expect(await readdir(join(directory, '.tmp'))).toEqual([names.elsewhere, names.living].toSorted());
});

test('a directory that cannot be made is reported', async () => {
  await writeFile(join(directory, 'file'), '');
  await expect(openImageStore(join(directory, 'file'))).rejects.toMatchObject({
    code: 'NOT_WRITABLE',
    message: expect.stringContaining(`cannot write to the output directory ${join(directory, 'file')}`),
  });
});
