import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Summary } from '@image-stream/program';
import { expect, inject, onTestFailed, onTestFinished } from 'vitest';

export const bootstrapServers = inject('bootstrapServers');

/** How a program ended. */
interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs, and how it will end. */
export interface Running {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  /** What it has logged so far. */
  readonly log: () => string;
  readonly ended: Promise<Ended>;
}

type Program = 'producer' | 'consumer' | 'gallery';

/** A program's command line, for what runs it in another way. */
export function commandOf(program: Program, args: readonly string[]): string[] {
  const main = fileURLToPath(new URL(`../../apps/${program}/dist/main.js`, import.meta.url));
  return [process.execPath, main, ...args];
}

/** Starts a program as users do, with only what a shell would give it. */
export function start(
  program: Program,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Running {
  const [command, ...rest] = commandOf(program, args);
  return run(command!, rest, environment);
}

/**
 * Starts any command, in the folder where a user would stand. A test that fails shows what it logged, and one fails in which Node
 * warns of something.
 */
export function run(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  cwd = process.cwd(),
): Running {
  const { PATH, HOME } = process.env;
  const child = spawn(command, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Logs as on a terminal, which is what most tests read: without one, they would be JSON.
    env: {
      PATH,
      HOME,
      KAFKA_BOOTSTRAP_SERVERS: bootstrapServers,
      IMAGE_STREAM_LOG_FORMAT: 'text',
      ...environment,
    },
  });
  let logged = '';
  child.stderr.on('data', (chunk: Buffer) => (logged += String(chunk)));
  const log = (): string => logged;
  onTestFailed(() => console.error(`What ${[command, ...args].join(' ')} logged:\n${log()}`));
  onTestFinished(() => expect(warningsIn(log())).toEqual([]));
  const ended = Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]).then(
    ([[exitCode], stdout, stderr]) => ({ exitCode: exitCode as number | null, stdout, stderr }),
  );
  return { process: child, log, ended };
}

/** What Node itself has written among a program's lines. */
function warningsIn(logged: string): string[] {
  return logged.split('\n').filter((line) => /^\(node:\d+\) /.test(line));
}

/** The most memory that a program has had so far, in bytes, as Linux counts it. */
export function peakMemoryOf({ process: child, ended }: Running): () => number {
  let peak = 0;
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peak = Math.max(peak, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024);
    } catch {
      // It has just ended.
    }
  }, 20);
  void ended.then(() => clearInterval(timer));
  return () => peak;
}

/** Runs a program that has to succeed. @returns its summary */
export async function succeed(program: Program, args: readonly string[]): Promise<Summary> {
  const { exitCode, stdout, stderr } = await start(program, [...args, '--json', '--quiet']).ended;
  if (exitCode !== 0) {
    throw new Error(`${program} ${args.join(' ')} ended with exit code ${exitCode}: ${stderr}`);
  }
  return summaryOf(stdout);
}

/** What `--json` printed. */
export function summaryOf(stdout: string): Summary {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Summary;
}

/** The environment in which a program's calls of the file system go wrong below a folder; see the file that it names. */
export function fileFaults(folder: string, faults: Record<`FAULT_${string}`, string>): NodeJS.ProcessEnv {
  const preload = new URL('file-faults.preload.mjs', import.meta.url).href;
  return { NODE_OPTIONS: `--import ${preload}`, FAULT_FOLDER: folder, ...faults };
}
