import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { fileSource, openFile } from './file-source.ts';

const onWindows = process.platform === 'win32';

test.skipIf(onWindows)(
  'what is not a file is refused at once, where nobody writes into a pipe as well',
  async () => {
    const folder = await temporaryFolder();
    const [pipe, socket, link] = ['pipe', 'socket', 'link'].map((name) => join(folder, name));
    execFileSync('mkfifo', [pipe!]);
    await symlink(pipe!, link!);
    const server = createServer().listen(socket!);
    onTestFinished(() => void server.close());
    for (const path of [pipe!, socket!, folder, '/dev/null']) {
      await expect(fileSource(path)).rejects.toMatchObject({
        code: 'INVALID_IMAGE',
        message: 'is not a file',
      });
      await expect(openFile(path)).rejects.toMatchObject({ code: 'INVALID_IMAGE', message: 'is not a file' });
    }
    await expect(openFile(link!)).rejects.toThrow('is not a file');
    await expect(fileSource(link!)).rejects.toMatchObject({ code: 'ELOOP' });
  },
);

test.skipIf(onWindows)('a file that becomes a pipe while it is read is refused', async () => {
  const path = join(await temporaryFolder(), 'a');
  await writeFile(path, 'abc');
  const source = await fileSource(path);
  await rm(path);
  execFileSync('mkfifo', [path]);
  await expect(source.read(0, 3)).rejects.toThrow('is not a file');
});

// As a file server holds a file for a client that caches it; it gives the file back once somebody else opens it.
const holder = `
import fcntl, os, signal, sys
file = os.open(sys.argv[1], os.O_RDWR)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('held', flush=True)
signal.sigwait([signal.SIGIO])
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
`;
const canHold = process.platform === 'linux' && spawnSync('python3', ['--version']).status === 0;

test.skipIf(!canHold)('a file that a file server holds for one of its clients is waited for', async () => {
  const path = join(await temporaryFolder(), 'a');
  await writeFile(path, 'abc');
  const child = spawn('python3', ['-c', holder, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  const source = await fileSource(path);
  expect(Buffer.from(await source.read(0, 3)).toString()).toBe('abc');
  expect(await ended).toEqual([0, null]);
});

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'file-source-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}
