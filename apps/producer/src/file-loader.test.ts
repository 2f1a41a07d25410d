import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'rolldown';
import { expect, onTestFinished, test } from 'vitest';
import type { FileLoader } from './file-loader.ts';

const picture = Buffer.from('R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==', 'base64');

/** The loader as it is built, beside a module for its threads. */
async function built(): Promise<{ readonly folder: string; readonly loader: FileLoader }> {
  // Beside the packages with native code, which are not bundled.
  const folder = await mkdtemp(fileURLToPath(new URL('../node_modules/.file-loader-', import.meta.url)));
  onTestFinished(() => rm(folder, { recursive: true }));
  const source = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  await build({
    input: { loader: source('file-loader.ts'), 'file-loader-worker': source('file-loader-worker.ts') },
    platform: 'node',
    external: /^(sharp|@napi-rs\/image)$/,
    resolve: { conditionNames: ['@image-stream/source', 'node', 'import', 'default'] },
    output: { dir: folder },
  });
  const { createFileLoader } = await import(pathToFileURL(join(folder, 'loader.js')).href);
  return { folder, loader: createFileLoader({ maxImageBytes: 1000 }) };
}

test('what a thread loads, and why it does not, is as if it had been done here', async () => {
  const { loader } = await built();
  const folder = await mkdtemp(join(tmpdir(), 'file-loader-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = (name: string): string => join(folder, name);
  await writeFile(file('a.gif'), picture);
  await writeFile(file('cut.gif'), picture.subarray(0, 30));
  await writeFile(file('large.gif'), Buffer.concat([picture, Buffer.alloc(1000)]));
  const load = (name: string) => loader.load(file(name), 0).catch((error: unknown) => error);

  expect(await Promise.all([loader.size(file('a.gif')), loader.size(file('none'))])).toEqual([
    picture.length,
    0,
  ]);
  const [whole, cut, large, none] = await Promise.all(['a.gif', 'cut.gif', 'large.gif', 'none'].map(load));
  expect(whole).toMatchObject({ image: { bytes: picture, mediaType: 'image/gif' } });
  expect(cut).toMatchObject({ name: 'ImageIoError', code: 'INVALID_IMAGE' });
  expect(large).toMatchObject({ name: 'CodecError', code: 'LIMIT_EXCEEDED' });
  expect(none).toMatchObject({ code: 'ENOENT', errno: expect.any(Number) as number });
});

test('where a thread dies, what it was asked for fails, and the next one does the rest', async () => {
  const { folder, loader } = await built();
  const worker = join(folder, 'file-loader-worker.js');
  const path = join(folder, 'a.gif');
  await writeFile(path, picture);
  await copyFile(worker, `${worker}.whole`);
  await writeFile(worker, 'throw new Error("out of memory")');
  await expect(loader.load(path, 0)).rejects.toThrow('out of memory');
  await copyFile(`${worker}.whole`, worker);
  expect(await loader.load(path, 0)).toMatchObject({ image: { bytes: picture } });
});
