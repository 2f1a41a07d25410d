import { spawnSync } from 'node:child_process';
import {
  link,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { byteSource } from '@image-stream/codec';
import { openImageStore, sameBytes } from './index.ts';
import type { SameContent } from './index.ts';

// To play a file system without hard links, and to see what is synced.
vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:fs/promises')>();
  const openWatched = async (...args: Parameters<typeof open>): ReturnType<typeof open> => {
    const handle = await original.open(...args);
    vi.spyOn(handle, 'sync');
    return handle;
  };
  return { ...original, link: vi.fn(original.link), open: vi.fn(openWatched) };
});

/** What was synced since the mocks were cleared: each path with the place of the call among all calls. */
async function syncs(): Promise<{ path: string; order: number }[]> {
  const { calls, results } = vi.mocked(open).mock;
  const handles = await Promise.all(results.map(({ value }) => value as ReturnType<typeof open>));
  return handles.flatMap((handle, index) => {
    const { sync } = handle as { sync: () => Promise<void> };
    return vi
      .mocked(sync)
      .mock.invocationCallOrder.map((order) => ({ path: String(calls[index]![0]), order }));
  });
}

const path = 'customer=c/date=2026-01-01/a.png';
const bytes = Buffer.from('an image');
const isSame: SameContent = (existing) => sameBytes(existing, byteSource(bytes));

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

test('every folder that is made is synced into its parent, and so is the file', async () => {
  vi.mocked(open).mockClear();
  const store = await openImageStore(join(directory, 'new', 'output'));
  await store.save(path, bytes, isSame);
  const synced = await syncs();
  const parents = ['.', 'new', 'new/output', 'new/output/customer=c', `new/output/${dirname(path)}`];
  expect(synced.map((one) => one.path)).toEqual(
    expect.arrayContaining(parents.map((parent) => join(directory, parent))),
  );
  const [unfinished] = vi.mocked(link).mock.lastCall!;
  const linked = vi.mocked(link).mock.invocationCallOrder.at(-1)!;
  expect(synced.find((one) => one.path === unfinished)?.order).toBeLessThan(linked);
  expect(
    synced.findLast((one) => one.path === join(directory, 'new/output', dirname(path)))?.order,
  ).toBeGreaterThan(linked);
});

test('files that come at once share the sync of their folder, which begins after each of them is in it', async () => {
  const store = await openImageStore(directory);
  const folder = dirname(path);
  await store.save(path, bytes, isSame);
  vi.mocked(open).mockClear();
  vi.mocked(link).mockClear();
  const ended = await Promise.all(
    Array.from({ length: 30 }, async (_, index) => {
      await store.save(`${folder}/${index}.png`, bytes, isSame);
      // The syncs so far: one of them must have come after this file's link.
      return { name: `${index}.png`, synced: await syncs() };
    }),
  );
  const ofFolder = (await syncs()).filter((one) => one.path === join(directory, folder));
  expect(ofFolder.length).toBeLessThan(20);
  const { calls, invocationCallOrder } = vi.mocked(link).mock;
  for (const { name, synced } of ended) {
    const linked = invocationCallOrder[calls.findIndex(([, to]) => String(to).endsWith(`/${name}`))]!;
    const after = synced.filter((one) => one.path === join(directory, folder) && one.order > linked);
    expect(after).not.toEqual([]);
  }
});

test('folders that are removed meanwhile are made and synced again', async () => {
  const store = await openImageStore(directory);
  await store.save(path, bytes, isSame);
  await rm(join(directory, 'customer=c'), { recursive: true });
  vi.mocked(open).mockClear();
  await store.save(path, bytes, isSame);
  expect(await readFile(join(directory, path))).toEqual(bytes);
  expect((await syncs()).map((one) => one.path)).toEqual(
    expect.arrayContaining([directory, join(directory, 'customer=c')]),
  );
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
  expect(await store.save(path, bytes, isSame, true)).toBe('exists');
  expect(await readdir(join(directory, '.tmp'))).toEqual([]);
});

test('of many writers of one name one wins', async () => {
  const stores = await Promise.all(Array.from({ length: 8 }, () => openImageStore(directory)));
  const saved = await Promise.all(stores.map((store) => store.save(path, bytes, isSame)));
  expect(saved.toSorted()).toEqual([...Array.from({ length: 7 }, () => 'exists'), 'written']);
});

test('of many that open a new directory none stands in the way of another', async () => {
  const output = join(directory, 'new', 'output');
  await Promise.all(Array.from({ length: 8 }, () => openImageStore(output)));
  expect(await readdir(join(output, '.tmp'))).toEqual([]);
});

test('an output directory may be a link to one', async () => {
  await mkdir(join(directory, 'disk'));
  await symlink(join(directory, 'disk'), join(directory, 'output'));
  const store = await openImageStore(join(directory, 'output'));
  expect(await store.save(path, bytes, isSame)).toBe('written');
  expect(await readFile(join(directory, 'disk', path))).toEqual(bytes);
});

describe('what others planted in the output', () => {
  let elsewhere: string;
  beforeEach(async () => {
    elsewhere = await mkdtemp(join(tmpdir(), 'elsewhere-'));
  });
  afterEach(() => rm(elsewhere, { recursive: true, force: true }));

  test.each([['customer=c'], ['customer=c/date=2026-01-01'], [path]])(
    'a link at %s is not followed',
    async (planted) => {
      const store = await openImageStore(directory);
      await mkdir(dirname(join(directory, planted)), { recursive: true });
      await symlink(elsewhere, join(directory, planted));
      for (const overwrite of [false, true]) {
        await expect(store.save(path, bytes, isSame, overwrite)).rejects.toMatchObject({
          code: 'UNSAFE_PATH',
          message: expect.stringContaining(join(directory, planted)),
        });
      }
      expect(await readdir(elsewhere)).toEqual([]);
      expect(await readdir(join(directory, '.tmp'))).toEqual([]);
    },
  );

  test.each([['customer=c'], ['customer=c/date=2026-01-01']])(
    'neither is one that takes the place of %s later',
    async (planted) => {
      const store = await openImageStore(directory);
      await store.save(path, bytes, isSame);
      await rm(join(directory, planted), { recursive: true });
      await symlink(elsewhere, join(directory, planted));
      await expect(store.save(path, bytes, isSame)).rejects.toMatchObject({ code: 'UNSAFE_PATH' });
      expect(await readdir(elsewhere)).toEqual([]);
    },
  );

  test('a file behind a link is neither read nor replaced', async () => {
    const secret = join(elsewhere, 'secret');
    await writeFile(secret, 'secret');
    const store = await openImageStore(directory);
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await symlink(secret, join(directory, path));
    const compare = vi.fn(isSame);
    await expect(store.save(path, bytes, compare, true)).rejects.toMatchObject({ code: 'UNSAFE_PATH' });
    expect(compare).not.toHaveBeenCalled();
    expect(await readFile(secret, 'utf8')).toBe('secret');
  });

  test('a link at .tmp is refused at the start', async () => {
    await symlink(elsewhere, join(directory, '.tmp'));
    await expect(openImageStore(directory)).rejects.toMatchObject({ code: 'UNSAFE_PATH' });
    expect(await readdir(elsewhere)).toEqual([]);
  });

  test('a file where a folder belongs, and a folder where the file does', async () => {
    const store = await openImageStore(directory);
    await writeFile(join(directory, 'customer=c'), '');
    await mkdir(join(directory, path.replace('=c', '=d')), { recursive: true });
    const saves = [path, path.replace('=c', '=d')].map((each) => store.save(each, bytes, isSame));
    for (const { reason } of (await Promise.allSettled(saves)) as PromiseRejectedResult[]) {
      expect(reason).toMatchObject({ code: 'UNSAFE_PATH' });
    }
  });
});

test('an error on the way passes through and leaves nothing unfinished', async () => {
  const store = await openImageStore(directory);
  await store.save(path, bytes, isSame);
  const failing = store.save(path, bytes, () => {
    throw new RangeError('cannot compare');
  });
  await expect(failing).rejects.toThrow(RangeError);
  expect(await readdir(join(directory, '.tmp'))).toEqual([]);
});

test('what a killed process left unfinished is removed, what a living one writes is not', async () => {
  const { pid: gone } = spawnSync(process.execPath, ['--version']);
  await mkdir(join(directory, '.tmp'));
  const names = {
    gone: `${hostname()}.${gone}.1.x`,
    sameIdInAnEarlierLife: `${hostname()}.${process.pid}.1.x`,
    living: `${hostname()}.1.1.x`,
    elsewhere: 'another-host.1.1.x',
    foreign: 'notes.txt',
  };
  await Promise.all(Object.values(names).map((name) => writeFile(join(directory, '.tmp', name), '')));
  await openImageStore(directory);
  expect(await readdir(join(directory, '.tmp'))).toEqual(
    [names.elsewhere, names.foreign, names.living].toSorted(),
  );
});

test('what a killed process had given its name stays when its leftover goes', async () => {
  const { pid: gone } = spawnSync(process.execPath, ['--version']);
  const store = await openImageStore(directory);
  await store.save(path, bytes, isSame);
  await link(join(directory, path), join(directory, '.tmp', `${hostname()}.${gone}.1.x`));
  const next = await openImageStore(directory);
  expect(await readdir(join(directory, '.tmp'))).toEqual([]);
  expect(await next.save(path, bytes, isSame)).toBe('exists');
  expect(await readFile(join(directory, path))).toEqual(bytes);
});

describe('a directory that cannot be used is reported at once', () => {
  const refusal = (output: string) => ({
    name: 'ImageIoError',
    code: 'NOT_WRITABLE',
    message: expect.stringContaining(`cannot write to the output directory ${output}: `),
  });

  test('a file', async () => {
    const file = join(directory, 'file');
    await writeFile(file, '');
    await expect(openImageStore(file)).rejects.toMatchObject(refusal(file));
    await expect(openImageStore(join(file, 'below'))).rejects.toMatchObject(refusal(join(file, 'below')));
  });

  test('a link that leads nowhere', async () => {
    const dangling = join(directory, 'dangling');
    await symlink(join(directory, 'nowhere'), dangling);
    await expect(openImageStore(dangling)).rejects.toMatchObject(refusal(dangling));
  });

  test.runIf(process.platform === 'linux').each(['/proc/x', '/proc/x/y/z', '/proc'])('%s', async (output) => {
    await expect(openImageStore(output)).rejects.toMatchObject(refusal(output));
  });

  test.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])('one without hard links, by %s', async (code) => {
    const error = Object.assign(new Error(code), { code });
    vi.mocked(link).mockRejectedValueOnce(error);
    await expect(openImageStore(directory)).rejects.toMatchObject({
      code: 'NO_HARD_LINKS',
      message: expect.stringContaining('choose a directory on another file system'),
      cause: error,
    });
    expect(await readdir(join(directory, '.tmp'))).toEqual([]);
  });
});
