import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';
import { beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { openWorkspace } from './index.ts';

/** The module under test, for other processes. */
let bundle: string;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'workspace-bundle-'));
  bundle = join(folder, 'workspace.mjs');
  const input = fileURLToPath(new URL('workspace.ts', import.meta.url));
  await build({ input, platform: 'node', output: { file: bundle } });
  return () => rm(folder, { recursive: true });
});

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'workspace-'));
  return () => rm(parent, { recursive: true, force: true });
});

/** Another process that works in the same place, with a file that it has begun. */
async function other(): Promise<{ kill(): Promise<void>; folder: string }> {
  const before = new Set(await readdir(parent));
  const program = `
    const { openWorkspace } = await import(${JSON.stringify(bundle)});
    const { writeFileSync } = await import('node:fs');
    const workspace = await openWorkspace(${JSON.stringify(parent)});
    writeFileSync(workspace.newFile(), 'begun');
    console.log('ready');
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const folder = (await readdir(parent)).find((name) => !before.has(name));
  return {
    folder: folder!,
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

test('what a process left that was killed is removed, what a living one works on is not', async () => {
  const [killed, living] = [await other(), await other()];
  await killed.kill();
  const own = await openWorkspace(parent);
  const left = await readdir(parent);
  expect(left).not.toContain(killed.folder);
  expect(left).toContain(living.folder);
  expect((await readdir(join(parent, living.folder))).length).toBe(2);
  await living.kill();
  await own.close();
  expect(await readdir(parent)).toEqual([living.folder]);
});

test('what another machine works on is removed when it has not touched it for a day', async () => {
  const [today, lastWeek] = ['a-machine', 'b-machine'].map(
    (kernel) => `${kernel}.0f8fad5b-d9cb-469f-a165-70867728950e`,
  );
  for (const folder of [today!, lastWeek!]) {
    await mkdir(join(parent, folder));
  }
  const then = new Date(Date.now() - 7 * 86_400_000);
  await utimes(join(parent, lastWeek!), then, then);
  await writeFile(join(parent, 'notes.txt'), '');
  const own = await openWorkspace(parent);
  await own.close();
  expect((await readdir(parent)).toSorted()).toEqual([today!, 'notes.txt']);
});

test('what cannot be settled at the start, or is left afterwards, is settled within a minute', async () => {
  const [early, late] = [await other(), await other()];
  await early.kill();
  let isReachable = false;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const own = await openWorkspace(parent, async () => isReachable);
  await late.kill();
  vi.advanceTimersByTime(60_000);
  expect(await readdir(parent)).toEqual(expect.arrayContaining([early.folder, late.folder]));
  isReachable = true;
  vi.advanceTimersByTime(60_000);
  await expect.poll(() => readdir(parent)).toHaveLength(1);
  await own.close();
});

test('a path that is too long for a socket is none for it', async () => {
  const deep = join(parent, 'x'.repeat(120));
  const workspace = await openWorkspace(deep);
  const [folder] = await readdir(deep);
  expect(await readdir(join(deep, folder!))).toEqual(process.platform === 'linux' ? ['alive'] : []);
  await workspace.close();
});
