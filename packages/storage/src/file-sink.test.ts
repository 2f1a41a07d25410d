import {
  link,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { byteSource } from '@image-stream/codec';
import { fileSource } from '@image-stream/image-io';
import { openDirectory, readDirectory } from './index.ts';
import type { Accepted, Opened } from './index.ts';

// To play a file system without hard links, and to see what is synced.
vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:fs/promises')>();
  const openWatched = async (...args: Parameters<typeof open>): ReturnType<typeof open> => {
    const handle = await original.open(...args);
    vi.spyOn(handle, 'sync');
    return handle;
  };
  return {
    ...original,
    link: vi.fn(original.link),
    open: vi.fn(openWatched),
    rename: vi.fn(original.rename),
  };
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

const key = 'customer=c/date=2026-01-01/a.png';
const bytes = Buffer.from('an image');
const image = byteSource(bytes);

/** A directory that is closed at the end of the test. */
async function openOutput(output: string): Promise<Opened> {
  const opened = await openDirectory(output);
  onTestFinished(() => opened.workspace.close());
  return opened;
}

/** The files in the workspaces of a directory. */
async function unfinished(output: string): Promise<string[]> {
  const all = await readdir(join(output, '.tmp'), { recursive: true, withFileTypes: true });
  return all.filter((entry) => entry.isFile()).map(({ name }) => name);
}

const outcome = async (put: Promise<Accepted | undefined>): Promise<string> =>
  (await put) === undefined ? 'taken' : 'put';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'image-store-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('a file is there, whole, and nothing else', async () => {
  const { sink } = await openOutput(join(directory, 'new', 'output'));
  await (await sink.put(key, image, 'create'))!.durable();
  expect(await readFile(join(directory, 'new', 'output', key))).toEqual(bytes);
  expect(await unfinished(join(directory, 'new', 'output'))).toEqual([]);
});

test("a file of the workspace is linked, not copied, and stays its owner's", async () => {
  const { sink, workspace } = await openOutput(directory);
  const file = workspace.newFile();
  await writeFile(file, bytes);
  await sink.put(key, await fileSource(file), 'create');
  expect((await stat(join(directory, key))).ino).toBe((await stat(file)).ino);
  await rm(file);
  expect(await readFile(join(directory, key))).toEqual(bytes);
});

test('every folder that is made is synced into its parent, and so is the file', async () => {
  vi.mocked(open).mockClear();
  const { sink } = await openOutput(join(directory, 'new', 'output'));
  await sink.put(key, image, 'create');
  const synced = await syncs();
  const parents = ['.', 'new', 'new/output', 'new/output/customer=c', `new/output/${dirname(key)}`];
  expect(synced.map(({ path }) => path)).toEqual(
    expect.arrayContaining(parents.map((parent) => join(directory, parent))),
  );
  const [written] = vi.mocked(link).mock.lastCall!;
  const linked = vi.mocked(link).mock.invocationCallOrder.at(-1)!;
  expect(synced.find(({ path }) => path === written)?.order).toBeLessThan(linked);
  expect(
    synced.findLast(({ path }) => path === join(directory, 'new/output', dirname(key)))?.order,
  ).toBeGreaterThan(linked);
});

test('what is found is made durable: who linked it may have been killed before', async () => {
  await mkdir(dirname(join(directory, key)), { recursive: true });
  await writeFile(join(directory, key), bytes);
  vi.mocked(open).mockClear();
  const found = await readDirectory(directory).find(key);
  await found!.durable();
  const synced = (await syncs()).map(({ path }) => path);
  expect(synced).toEqual([directory, join(directory, 'customer=c'), join(directory, dirname(key))]);
});

test('files that come at once share the sync of their folder, which begins after each of them is in it', async () => {
  const { sink } = await openOutput(directory);
  const folder = dirname(key);
  await sink.put(key, image, 'create');
  vi.mocked(open).mockClear();
  vi.mocked(link).mockClear();
  const ended = await Promise.all(
    Array.from({ length: 30 }, async (_, index) => {
      await sink.put(`${folder}/${index}.png`, image, 'create');
      // The syncs so far: one of them must have come after this file's link.
      return { name: `${index}.png`, synced: await syncs() };
    }),
  );
  const ofFolder = (await syncs()).filter(({ path }) => path === join(directory, folder));
  expect(ofFolder.length).toBeLessThan(20);
  const { calls, invocationCallOrder } = vi.mocked(link).mock;
  for (const { name, synced } of ended) {
    const linked = invocationCallOrder[calls.findIndex(([, to]) => String(to).endsWith(`/${name}`))]!;
    const after = synced.filter(({ path, order }) => path === join(directory, folder) && order > linked);
    expect(after).not.toEqual([]);
  }
});

describe('what is removed while it runs', () => {
  test('folders are made and synced again', async () => {
    const { sink } = await openOutput(directory);
    await sink.put(key, image, 'create');
    await rm(join(directory, 'customer=c'), { recursive: true });
    vi.mocked(open).mockClear();
    await sink.put(key, image, 'create');
    expect(await readFile(join(directory, key))).toEqual(bytes);
    expect((await syncs()).map(({ path }) => path)).toEqual(
      expect.arrayContaining([directory, join(directory, 'customer=c')]),
    );
  });

  test('so is .tmp', async () => {
    const { sink } = await openOutput(directory);
    await rm(join(directory, '.tmp'), { recursive: true });
    await Promise.all(['a', 'b'].map((name) => sink.put(key.replace('a.png', name), image, 'create')));
    expect((await readdir(join(directory, dirname(key)))).toSorted()).toEqual(['a', 'b']);
  });

  test('the directory itself does not come back: it may have been a disk', async () => {
    const { sink } = await openOutput(join(directory, 'output'));
    await rm(join(directory, 'output'), { recursive: true });
    const error = await sink.put(key, image, 'create').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'StorageError', code: 'GONE' });
    expect(sink.classify(error)).toBe('permanent');
    expect(await readdir(directory)).toEqual([]);
  });
});

test('a key that is taken stays as it is, unless it is to be replaced', async () => {
  const { sink } = await openOutput(directory);
  await sink.put(key, byteSource(Buffer.from('first')), 'create');
  const { ino } = await stat(join(directory, key));
  expect(await outcome(sink.put(key, image, 'create'))).toBe('taken');
  expect((await stat(join(directory, key))).ino).toBe(ino);
  expect(await outcome(sink.put(key, image, 'replace'))).toBe('put');
  expect(await readFile(join(directory, key))).toEqual(bytes);
  expect(await unfinished(directory)).toEqual([]);
});

test('a file that is replaced again by itself leaves nothing', async () => {
  const { sink, workspace } = await openOutput(directory);
  const file = workspace.newFile();
  await writeFile(file, bytes);
  await sink.put(key, await fileSource(file), 'replace');
  await sink.put(key, await fileSource(file), 'replace');
  await rm(file);
  expect(await unfinished(directory)).toEqual([]);
});

test('a file whose sync has failed is written anew: the next sync would succeed for nothing', async () => {
  const { sink, workspace } = await openOutput(directory);
  const file = workspace.newFile();
  await writeFile(file, bytes);
  const { open: openActual } = await vi.importActual<typeof import('node:fs/promises')>('node:fs/promises');
  const source = await fileSource(file);
  vi.mocked(open).mockImplementationOnce(async (...args) => {
    const handle = await openActual(...args);
    vi.spyOn(handle, 'sync').mockRejectedValue(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }));
    return handle;
  });
  await expect(sink.put(key, source, 'create')).rejects.toMatchObject({ code: 'EIO' });
  await sink.put(key, source, 'create');
  expect((await stat(join(directory, key))).ino).not.toBe((await stat(file)).ino);
  expect(await readFile(join(directory, key))).toEqual(bytes);
});

test('of many writers of one key one wins', async () => {
  const opened = await Promise.all(Array.from({ length: 8 }, () => openOutput(directory)));
  const puts = await Promise.all(opened.map(({ sink }) => outcome(sink.put(key, image, 'create'))));
  expect(puts.toSorted()).toEqual(['put', ...Array.from({ length: 7 }, () => 'taken')]);
});

test('of many that open a new directory none stands in the way of another', async () => {
  const output = join(directory, 'new', 'output');
  await Promise.all(Array.from({ length: 8 }, () => openOutput(output)));
  expect(await unfinished(output)).toEqual([]);
});

test('an output directory may be a link to one', async () => {
  await mkdir(join(directory, 'disk'));
  await symlink(join(directory, 'disk'), join(directory, 'output'));
  const { sink } = await openOutput(join(directory, 'output'));
  await sink.put(key, image, 'create');
  expect(await readFile(join(directory, 'disk', key))).toEqual(bytes);
});

describe('what others planted in the output', () => {
  let elsewhere: string;
  beforeEach(async () => {
    elsewhere = await mkdtemp(join(tmpdir(), 'elsewhere-'));
  });
  afterEach(() => rm(elsewhere, { recursive: true, force: true }));

  test.each([['customer=c'], ['customer=c/date=2026-01-01']])(
    'a link at %s is not followed',
    async (planted) => {
      const { sink } = await openOutput(directory);
      await mkdir(dirname(join(directory, planted)), { recursive: true });
      await symlink(elsewhere, join(directory, planted));
      for (const mode of ['create', 'replace'] as const) {
        await expect(sink.put(key, image, mode)).rejects.toMatchObject({
          code: 'UNSAFE_PATH',
          message: expect.stringContaining(join(directory, planted)),
        });
      }
      expect(await readdir(elsewhere)).toEqual([]);
      expect(await unfinished(directory)).toEqual([]);
    },
  );

  test.each([['customer=c'], ['customer=c/date=2026-01-01']])(
    'neither is one that takes the place of %s later',
    async (planted) => {
      const { sink } = await openOutput(directory);
      await sink.put(key, image, 'create');
      await rm(join(directory, planted), { recursive: true });
      await symlink(elsewhere, join(directory, planted));
      await expect(sink.put(key, image, 'create')).rejects.toMatchObject({ code: 'UNSAFE_PATH' });
      expect(await readdir(elsewhere)).toEqual([]);
    },
  );

  test('a file behind a link is neither read nor replaced', async () => {
    const secret = join(elsewhere, 'secret');
    await writeFile(secret, 'secret');
    const { sink } = await openOutput(directory);
    await mkdir(dirname(join(directory, key)), { recursive: true });
    await symlink(secret, join(directory, key));
    expect(await outcome(sink.put(key, image, 'create'))).toBe('taken');
    await expect(sink.find(key)).rejects.toMatchObject({ code: 'UNSAFE_PATH' });
    await expect(sink.put(key, image, 'replace')).rejects.toMatchObject({ code: 'UNSAFE_PATH' });
    expect(await readFile(secret, 'utf8')).toBe('secret');
  });

  test('a link at .tmp is refused at the start', async () => {
    await symlink(elsewhere, join(directory, '.tmp'));
    await expect(openDirectory(directory)).rejects.toMatchObject({ code: 'UNSAFE_PATH' });
    expect(await readdir(elsewhere)).toEqual([]);
  });

  test('a file where a folder belongs, and a folder where the file does', async () => {
    const { sink } = await openOutput(directory);
    await writeFile(join(directory, 'customer=c'), '');
    await expect(sink.put(key, image, 'create')).rejects.toMatchObject({ code: 'UNSAFE_PATH' });
    const taken = key.replace('=c', '=d');
    await mkdir(join(directory, taken), { recursive: true });
    expect(await outcome(sink.put(taken, image, 'create'))).toBe('taken');
    await expect(sink.find(taken)).rejects.toMatchObject({ code: 'UNSAFE_PATH' });
  });
});

describe('looking for an image', () => {
  test('where a file stands in the place of a folder, it is that file that is named', async () => {
    const { sink } = await openOutput(directory);
    await writeFile(join(directory, 'customer=c'), '');
    await expect(sink.find(key)).rejects.toMatchObject({ code: 'UNSAFE_PATH' });
  });

  test('does not go through a link to a folder elsewhere', async () => {
    const { sink } = await openOutput(directory);
    await mkdir(join(directory, 'elsewhere', 'date=2026-01-01'), { recursive: true });
    await writeFile(join(directory, 'elsewhere', 'date=2026-01-01', 'a.png'), bytes);
    await symlink(join(directory, 'elsewhere'), join(directory, 'customer=c'));
    await expect(sink.find(key)).rejects.toMatchObject({ code: 'UNSAFE_PATH' });
  });
});

test('a file that cannot be replaced leaves no copy for each attempt', async () => {
  const { sink } = await openOutput(directory);
  await sink.put(key, byteSource(Buffer.from('first')), 'create');
  vi.mocked(rename).mockRejectedValueOnce(Object.assign(new Error('EACCES'), { code: 'EACCES' }));
  await expect(sink.put(key, image, 'replace')).rejects.toMatchObject({ code: 'EACCES' });
  expect(await unfinished(directory)).toEqual([]);
});

describe('a directory that cannot be used is reported at once', () => {
  const refusal = (output: string) => ({
    name: 'StorageError',
    code: 'NOT_WRITABLE',
    message: expect.stringContaining(`cannot write to the output directory ${output}: `),
  });

  test('a file', async () => {
    const file = join(directory, 'file');
    await writeFile(file, '');
    await expect(openDirectory(file)).rejects.toMatchObject(refusal(file));
    await expect(openDirectory(join(file, 'below'))).rejects.toMatchObject(refusal(join(file, 'below')));
  });

  test('a link that leads nowhere', async () => {
    const dangling = join(directory, 'dangling');
    await symlink(join(directory, 'nowhere'), dangling);
    await expect(openDirectory(dangling)).rejects.toMatchObject(refusal(dangling));
  });

  test.runIf(process.platform === 'linux').each(['/proc/x', '/proc/x/y/z', '/proc'])('%s', async (output) => {
    await expect(openDirectory(output)).rejects.toMatchObject(refusal(output));
  });

  test.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])('one without hard links, by %s', async (code) => {
    const error = Object.assign(new Error(code), { code });
    vi.mocked(link).mockRejectedValueOnce(error);
    await expect(openDirectory(directory)).rejects.toMatchObject({
      code: 'NO_HARD_LINKS',
      message: expect.stringContaining('choose a directory on another file system'),
      cause: error,
    });
    expect(await unfinished(directory)).toEqual([]);
  });
});
