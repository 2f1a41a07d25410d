import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';

test('the example runs', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'example-'));
  const workingDirectory = vi.spyOn(process, 'cwd').mockReturnValue(directory);
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  await import('../examples/save.ts');
  workingDirectory.mockRestore();
  expect(log).toHaveBeenCalledExactlyOnceWith('customer=lab/date=2026-01-31/rings-1.png', 'written');
  expect(await readdir(join(directory, 'output', 'customer=lab', 'date=2026-01-31'))).toEqual([
    'rings-1.png',
  ]);
  await rm(directory, { recursive: true });
});

test('the README shows the example as it is', async () => {
  const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8');
  expect(await read('../README.md')).toContain((await read('../examples/save.ts')).trim());
});
