import type { Logger } from './log.ts';

/** How far a run is, shown while it runs. */
export interface Progress {
  /** Writes a line to the terminal without tearing the progress line apart. */
  write(line: string): void;
  /** Writes a line to standard output, which may be the same terminal. */
  print(line: string): void;
  /** Starts showing what `describe` says. */
  start(describe: () => string, logger: Pick<Logger, 'info'>): void;
  stop(): void;
}

const redrawMs = 200;
const logMs = 10_000;
const clearLine = '\r\x1b[2K';

/**
 * On a terminal, one line that is redrawn; elsewhere, or where `quiet`, a log line every ten seconds
 * (none where the log level hides it, or where it says the same as the one before).
 */
export function createProgress(output: NodeJS.WriteStream, quiet: boolean): Progress {
  const isLive = output.isTTY && !quiet;
  let line = '';
  let logged = '';
  let timer: NodeJS.Timeout | undefined;

  const draw = (next: string): void => {
    if (isLive) {
      // A terminal of unknown width says 0.
      line = next.slice(0, (output.columns || 80) - 1);
      output.write(clearLine + line);
    }
  };
  const log = (next: string, logger: Pick<Logger, 'info'>): void => {
    // Whoever reads the log later learns nothing from a line that says the same again.
    if (next !== logged) {
      logged = next;
      logger.info(next);
    }
  };
  return {
    write(text) {
      output.write(line === '' ? text : clearLine + text + line);
    },
    print(text) {
      // The line of progress is drawn anew in a moment.
      draw('');
      process.stdout.write(`${text}\n`);
    },
    start(describe, logger) {
      timer = setInterval(
        () => (isLive ? draw(describe()) : log(describe(), logger)),
        isLive ? redrawMs : logMs,
      );
      timer.unref();
    },
    stop() {
      clearInterval(timer);
      draw('');
    },
  };
}
