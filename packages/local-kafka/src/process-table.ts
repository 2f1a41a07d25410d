import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
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
