import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** The command line of a process, or an empty text if there is no such process. */
export async function commandLine(pid: number): Promise<string> {
  // Small Linux images have no "ps", other systems have no /proc.
  if (existsSync('/proc/self/cmdline')) {
    return await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  }
  const ps = promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)]);
  return await ps.then(
    ({ stdout }) => stdout,
    () => '',
  );
}

/** Whether a process stands still after SIGSTOP, which reaches its threads one after the other; true if it has ended. */
export async function isStopped(pid: number): Promise<boolean> {
  if (existsSync('/proc/self/task')) {
    return (await threadStates(pid)).every((state) => state.startsWith('T'));
  }
  const ps = promisify(execFile)('ps', ['-o', 'state=', '-p', String(pid)]);
  return await ps.then(
    ({ stdout }) => stdout.startsWith('T'),
    () => true,
  );
}

/** The letter after the thread's name, which is in brackets: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
async function threadStates(pid: number): Promise<string[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch((): string[] => []);
  const stats = threads.map((thread) =>
    // It may have ended since.
    readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => ') T'),
  );
  return (await Promise.all(stats)).map((stat) => stat.slice(stat.lastIndexOf(')') + 2));
}
