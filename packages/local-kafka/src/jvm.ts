import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Guard } from './guard.ts';
import type { Installation } from './installation.ts';

export interface Jvm {
  /** Undefined if the system could not even create the process. */
  readonly pid: number | undefined;
  /** Resolves when the process has ended: to its exit code, or to null if it ended without one. */
  readonly exited: Promise<number | null>;
  signal(name: NodeJS.Signals): void;
  /** Lets this process end while the JVM goes on. */
  unref(): void;
}

/** Starts a program in the directory; all that it prints and logs goes to the log file. */
export type StartJvm = (args: readonly string[], directory: string, logFile: string) => Jvm;

/** With a guard, the JVMs end when this process does; without one, they can outlive it. */
export function jvmStarter(
  { java, classpath, logging, classArchive }: Installation,
  guard?: Guard,
): StartJvm {
  return (args, directory, logFile) => {
    const log = openSync(logFile, 'w');
    const flags = [
      logging,
      // What the JVM and its native libraries would leave in the system's temporary directory after a SIGKILL.
      `-Djava.io.tmpdir=${directory}`,
      '-XX:-UsePerfData',
      // Of an archive that does not fit, the JVM would warn in the log and do without it.
      ...(classArchive === undefined
        ? []
        : [`-XX:SharedArchiveFile=${classArchive}`, '-Xlog:disable', '-Xlog:all=error']),
    ];
    // Detached, because a Ctrl+C in the terminal must not end the brokers before this process is done with them.
    const child = spawn(java, [...flags, ...args], {
      cwd: directory,
      detached: true,
      env: { ...process.env, CLASSPATH: classpath },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const jvm: Jvm = {
      pid: child.pid,
      exited: new Promise((resolve) => {
        child.once('exit', resolve);
        child.once('error', () => resolve(null));
      }),
      signal: (name) => void child.kill(name),
      unref: () => child.unref(),
    };
    guard?.watch(jvm);
    return jvm;
  };
}
