import { readlink, rm, symlink } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

const RETRY_MS = 100;

/** Runs the action while no other process on this machine runs one under the same lock file. */
export async function withLock<T>(lockFile: string, action: () => Promise<T>): Promise<T> {
  while (!(await tryLock(lockFile))) {
    if (await ownerIsGone(lockFile)) {
      await rm(lockFile, { force: true });
    } else {
      await setTimeout(RETRY_MS);
    }
  }
  try {
    return await action();
  } finally {
    await rm(lockFile, { force: true });
  }
}

async function tryLock(lockFile: string): Promise<boolean> {
  try {
    // A symbolic link gets its name and its content, the owner's process id, in a single step.
    await symlink(String(process.pid), lockFile);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      return false;
    }
    throw error;
  }
}

async function ownerIsGone(lockFile: string): Promise<boolean> {
  const owner = await readlink(lockFile).catch(() => undefined);
  if (owner === undefined) {
    return false;
  }
  try {
    process.kill(Number(owner), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
