import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { fileSource, inspectImage } from './index.ts';

test('the example runs', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'example-'));
  const workingDirectory = process.cwd();
  process.chdir(directory);
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  await import('../examples/transcode.ts');
  process.chdir(workingDirectory);
  const info = { mediaType: 'image/png', width: 640, height: 480, frames: 1 };
  expect(log).toHaveBeenCalledExactlyOnceWith(info);
  expect(await inspectImage(await fileSource(join(directory, 'rings-1.png')))).toEqual(info);
  await rm(directory, { recursive: true });
});

test('the README shows the example as it is', async () => {
  const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8');
  expect(await read('../README.md')).toContain((await read('../examples/transcode.ts')).trim());
});
