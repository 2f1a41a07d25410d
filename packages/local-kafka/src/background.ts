import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { Jvm } from './jvm.ts';
import { LocalKafkaError } from './local-kafka-error.ts';
import { requireFreePorts } from './ports.ts';
import { commandLine } from './process-table.ts';

const SHUTDOWN_TIMEOUT_MS = 15_000;
const POLL_MS = 100;

/** A server that outlives the command which started it. */
export interface BackgroundServer {
  /** For messages: `Kafka`, say. */
  readonly name: string;
  /** What is typed to control it. @param action `up`, `status`, or `down` with its options */
  readonly command: (action: string) => string;
  /** The clients' port on 127.0.0.1. */
  readonly port: number;
  /** Where its data is. It stands in the command line of its process. */
  readonly directory: string;
  /** Starts it; `started` is to be called as soon as there is a process, and the promise resolves when it serves. */
  start(report: (message: string) => void, started: (jvm: Jvm) => Promise<void>): Promise<Jvm>;
  /** Whether such a server serves on the port, whoever started it. */
  answers(): Promise<boolean>;
}

/** Starts it unless one listens already; resolves to what to tell the user. */
export async function up(server: BackgroundServer, report: (message: string) => void): Promise<string> {
  const { name, command, port } = server;
  const running = await findProcess(server);
  if (running !== undefined) {
    return `${name} already runs on localhost:${port} (process ${running}). Stop it with: ${command('down')}`;
  }
  if (await server.answers()) {
    return `Another ${name} already answers on localhost:${port}, so there is nothing to start.`;
  }
  await requireFreePorts([port], name);
  const { pid } = await server.start(report, async (jvm) => {
    jvm.unref();
    await writeFile(pidFile(server), String(jvm.pid));
  });
  return `${name} runs on localhost:${port} (process ${pid}). Stop it with: ${command('down')}`;
}

/** Shuts it down; its data is kept for the next start unless it is to be removed. */
export async function down(server: BackgroundServer, removeData: boolean): Promise<string> {
  const { name, command, directory } = server;
  const pid = await findProcess(server);
  if (pid !== undefined) {
    await endProcess(server, pid);
  }
  await rm(pidFile(server), { force: true });
  const state = pid === undefined ? `${name} was not running` : `${name} is stopped`;
  if (removeData) {
    await rm(directory, { recursive: true, force: true });
    return `${state}; its data is removed.`;
  }
  return pid === undefined ? `${state}.` : `${state}; remove its data too with: ${command('down --volumes')}`;
}

export async function status(server: BackgroundServer): Promise<{ running: boolean; message: string }> {
  const { name, command, port } = server;
  const pid = await findProcess(server);
  const running = await server.answers();
  if (pid === undefined) {
    const message = running
      ? `Another ${name} answers on localhost:${port}.`
      : `${name} is not running. Start it with: ${command('up')}`;
    return { running, message };
  }
  const does = running ? 'runs' : 'does not answer';
  return { running, message: `${name} ${does} on localhost:${port} (process ${pid}).` };
}

/** Does what a command line asks for: `up`, `down` or `status`. @returns the exit code */
export async function runCommand(server: BackgroundServer, command: string): Promise<number> {
  try {
    return await execute(server, command);
  } catch (error) {
    // What a LocalKafkaError says is all that helps; anything else is a defect, to be shown with its stack.
    console.error(error instanceof LocalKafkaError ? error.message : error);
    return 1;
  }
}

async function execute(server: BackgroundServer, command: string): Promise<number> {
  switch (command) {
    case 'up':
      console.log(await up(server, console.log));
      return 0;
    case 'down':
    case 'down --volumes':
      console.log(await down(server, command.endsWith('--volumes')));
      return 0;
    case 'status': {
      const { running, message } = await status(server);
      console.log(message);
      return running ? 0 : 1;
    }
    default: {
      const [start, end, ask] = ['up', 'down [--volumes]', 'status'].map((action) => server.command(action));
      console.error(`Usage: ${start}, ${end} or ${ask}`);
      return 2;
    }
  }
}

/** The process id of the server, if it still runs. */
async function findProcess(server: BackgroundServer): Promise<number | undefined> {
  const pid = Number(await readFile(pidFile(server), 'utf8').catch(() => undefined));
  // After a restart of the machine, the number may be that of any other process.
  return pid > 0 && (await commandLine(pid)).includes(server.directory) ? pid : undefined;
}

async function endProcess(server: BackgroundServer, pid: number): Promise<void> {
  process.kill(pid, 'SIGTERM');
  const deadline = performance.now() + SHUTDOWN_TIMEOUT_MS;
  while ((await findProcess(server)) !== undefined) {
    if (performance.now() > deadline) {
      process.kill(pid, 'SIGKILL');
    }
    await setTimeout(POLL_MS);
  }
}

function pidFile({ directory }: BackgroundServer): string {
  return `${directory}.pid`;
}
