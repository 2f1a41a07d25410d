import { setMaxListeners } from 'node:events';
import { StoppedError } from './errors.ts';

/** A terminal and `timeout` deliver one Ctrl-C as two signals, milliseconds apart. */
const sameSignalMs = 500;

/** The code that a shell shows for a program ended by SIGINT. */
const interruptedExitCode = 130;

/**
 * A signal that aborts on the first SIGINT or SIGTERM, with a StoppedError for its reason. A second one, more than half a second later,
 * ends the process at once.
 *
 * @param onFirst called once, to tell the user what happens now
 */
export function abortOnSignals(onFirst: (name: NodeJS.Signals) => void): AbortSignal {
  const controller = new AbortController();
  // All that waits, such as each image while the disk is full, listens to it.
  setMaxListeners(0, controller.signal);
  let first: number | undefined;
  const listen = (name: NodeJS.Signals): void => {
    if (first === undefined) {
      first = performance.now();
      onFirst(name);
      controller.abort(new StoppedError(`stopped by ${name}`));
    } else if (performance.now() - first > sameSignalMs) {
      process.exit(interruptedExitCode);
    }
  };
  process.on('SIGINT', listen);
  process.on('SIGTERM', listen);
  return controller.signal;
}
