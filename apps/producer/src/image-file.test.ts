import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transcode } from '@image-stream/image-io';
import { expect, onTestFinished, test } from 'vitest';
import { filesHere } from './file-loader.test-support.ts';
import { imageFile } from './image-file.ts';

const onWindows = process.platform === 'win32';
const pixels = { shape: [2, 2, 3], dtype: 'uint8', data: new Uint8Array(12) } as const;
const options = { customerOf: () => 'lab', files: filesHere() };

test('the id is the name, and a hash of path, modification time and content', async () => {
  const { folder, path } = await picture();
  const idOf = async (relativePath: string) =>
    (await imageFile({ path, relativePath }, options, 0).load()).id;
  const id = await idOf('a/b.png');
  expect(id).toMatch(/^b-[0-9a-f]{24}$/);
  expect(await idOf('a/b.png')).toBe(id);
  expect(await idOf('c/b.png')).not.toBe(id);

  await utimes(path, 1_700_000_000, 1_700_000_000.001);
  expect(await idOf('a/b.png')).not.toBe(id);
  await utimes(path, 1_700_000_000, 1_700_000_000);
  expect(await idOf('a/b.png')).toBe(id);
  await writeFile(path, Buffer.concat([await readFile(path), Buffer.from('more')]));
  await utimes(path, 1_700_000_000, 1_700_000_000);
  expect(await idOf('a/b.png')).not.toBe(id);

  // As a link to it is another path.
  await symlink(path, join(folder, 'link.png'));
  const linked = imageFile({ path: join(folder, 'link.png'), relativePath: 'link.png' }, options, 0);
  expect(await linked.load()).toMatchObject({ filename: 'link.png', createdAt: new Date(1_700_000_000_000) });
});

test.skipIf(onWindows)(
  'a pipe is refused, also where it takes the place of a file that was there',
  async () => {
    const { folder, path } = await picture();
    const [pipe, link] = [join(folder, 'pipe'), join(folder, 'link')];
    execFileSync('mkfifo', [pipe]);
    await symlink(pipe, link);
    const replaced = imageFile({ path, relativePath: 'a.png' }, options, 0);
    await rm(path);
    execFileSync('mkfifo', [path]);
    await expect(replaced.load()).rejects.toThrow('is not a file');
    for (const other of [pipe, link]) {
      await expect(imageFile({ path: other, relativePath: 'a' }, options, 0).load()).rejects.toThrow(
        'is not a file',
      );
    }
  },
);

// Most file systems on disk end in the year 2446 or 2486.
test.skipIf(!existsSync('/dev/shm'))(
  'a modification time beyond the years 1 to 9999 is refused',
  async () => {
    const { path } = await picture('/dev/shm');
    const load = () => imageFile({ path, relativePath: 'a.png' }, options, 0).load();
    for (const time of ['9999-12-31T23:59:59.999Z', '0001-01-01T00:00:00Z']) {
      await utimes(path, new Date(0), new Date(time));
      expect(await load()).toMatchObject({ createdAt: (await stat(path)).mtime });
    }
    for (const time of [new Date('+010000-01-01T00:00:00Z'), new Date('0000-12-31T23:59:59Z'), 9e12]) {
      await utimes(path, new Date(0), time);
      await expect(load()).rejects.toThrow(
        'its modification time is not in the years 1 to 9999; set another one with touch',
      );
    }
  },
);

async function picture(parent = tmpdir()): Promise<{ readonly folder: string; readonly path: string }> {
  const folder = await mkdtemp(join(parent, 'image-file-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'a.png');
  await writeFile(path, (await transcode(pixels, 'png')).bytes);
  await utimes(path, 1_700_000_000, 1_700_000_000);
  return { folder, path };
}
