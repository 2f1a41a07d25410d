import { pino } from 'pino';
import type { Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';

export type { Logger } from 'pino';

/** From the rarest to the most talkative. */
export const logLevels = ['silent', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * A logger that writes one line per entry to `write`: time, level, message. Synchronous, so that
 * the last line before an exit is not lost.
 */
export function createLogger(level: LogLevel, write: (line: string) => void, colorize: boolean): Logger {
  const prettify = prettyFactory({
    colorize,
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss',
    singleLine: true,
  });
  return pino({ level }, { write: (entry) => write(prettify(entry)) });
}
