import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A process to end. */
interface Watched {
  readonly pid: number | undefined;
  /** Resolves when it has ended by itself. */
  readonly exited: Promise<unknown>;
}

/** Ends what this process leaves behind when it ends without having cleaned up. */
export interface Guard {
  watch(process: Watched): void;
  /** Cleans up now what is left, and resolves when that is done. */
  release(): Promise<void>;
}

// The last line read names the processes to end. The input closes when this process does, even by SIGKILL.
// SIGKILL takes effect only after a moment, in which a process can still write into the directory.
const SCRIPT = `
while read -r line; do pids=$line; done
[ -z "$pids" ] || kill -KILL $pids
until rm -rf "$1" || [ $((tries += 1)) = 20 ]; do sleep 1; done
`;

/** Starts the process that ends the watched processes and removes the directory as soon as this one ends. */
export function startGuard(directory: string): Guard {
  // Detached, because a Ctrl+C in the terminal must end this process but not the guard.
  const child = spawn('sh', ['-c', SCRIPT, 'local-kafka-guard', directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const exited = once(child, 'exit');
  // Should someone have ended the guard, then writing to it fails, which is no reason to end this process too.
  child.stdin.on('error', () => {});
  const pids = new Set<number>();
  const tell = () => child.stdin.writable && child.stdin.write(`${[...pids].join(' ')}\n`);
  return {
    watch: ({ pid, exited: itsExit }) => {
      if (pid === undefined) {
        return;
      }
      pids.add(pid);
      tell();
      void itsExit.then(() => {
        pids.delete(pid);
        tell();
      });
    },
    release: async () => {
      child.stdin.end();
      await exited;
    },
  };
}
