import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';

/** A program with its arguments. */
export type Command = readonly [program: string, ...args: string[]];

/** What a process took, from its start to its end. */
export interface Usage {
  readonly seconds: number;
  /** User and system time of the process, its threads and its children. */
  readonly cpuMs: number;
  /** The most memory that it had resident (VmHWM). */
  readonly peakBytes: number;
}

/** A command that did not succeed; its message is the last line that the command printed. */
export class CommandError extends Error {}

/** Of a command that did not succeed; any other error is a defect of the benchmark. */
export function messageOf(error: unknown): string {
  if (error instanceof CommandError) {
    return error.message;
  }
  throw error;
}

/** Milliseconds between two looks at the memory of a process; the peak is kept by the kernel, only its last moments are missed. */
const pollMs = 10;

/** No run is meant to take longer. */
const timeoutMs = 240_000;

/** Runs a command that has to succeed. No other child of this process may end meanwhile: their times are counted together. */
export async function measure(command: Command): Promise<Usage> {
  const before = childrenCpuMs();
  const { seconds, peakBytes } = await run(command);
  return { seconds, peakBytes, cpuMs: childrenCpuMs() - before };
}

/** Runs a command that has to succeed, beside others. */
export async function run([program, ...args]: Command): Promise<Omit<Usage, 'cpuMs'>> {
  const started = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: timeoutMs });
  const kill = (): boolean => child.kill('SIGKILL');
  // A consumer would wait for its images for ever.
  process.once('exit', kill);
  let peakBytes = 0;
  const timer = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentPeak(child.pid));
  }, pollMs);
  const errors = text(child.stderr);
  try {
    const [exitCode] = (await once(child, 'exit')) as [number | null];
    const seconds = (performance.now() - started) / 1000;
    if (exitCode === null) {
      throw new CommandError(`not done after ${timeoutMs / 1000} s`);
    }
    if (exitCode !== 0) {
      const lastLine = (await errors).trimEnd().split('\n').at(-1)!;
      throw new CommandError(lastLine === '' ? `exit code ${exitCode}` : lastLine);
    }
    return { seconds, peakBytes };
  } finally {
    clearInterval(timer);
    process.off('exit', kill);
  }
}

function residentPeak(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0; // It has just ended.
  }
}

/** Of the children that have ended, and theirs. Linux tells it in ticks of 10 ms. */
function childrenCpuMs(): number {
  // The second field is the program's name in parentheses, which may hold spaces.
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ');
  const [user, system] = fields.slice(13, 15).map(Number);
  return (user! + system!) * 10;
}
