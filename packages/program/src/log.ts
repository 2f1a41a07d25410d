import type { Logger } from 'pino';

export type { Logger } from 'pino';

/** From the rarest to the most talkative. */
export const logLevels = ['silent', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof logLevels)[number];

/** `auto`: text for people on a terminal, JSON for programs elsewhere. */
export const logFormats = ['auto', 'text', 'json'] as const;
export type LogFormat = (typeof logFormats)[number];

/**
 * A logger that writes one line per entry to `write`: time, level, message; or an object of JSON, as pino makes it.
 * Synchronous, so that the last line before an exit is not lost. What it needs is loaded here, so that `--help` does
 * not wait for it.
 */
export async function createLogger(
  level: LogLevel,
  write: (line: string) => void,
  { isJson, colorize }: { readonly isJson: boolean; readonly colorize: boolean },
): Promise<Logger> {
  const { pino } = await import('pino');
  if (isJson) {
    return pino({ level }, { write });
  }
  const { prettyFactory } = await import('pino-pretty');
  const prettify = prettyFactory({
    colorize,
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss',
    singleLine: true,
  });
  return pino({ level }, { write: (entry) => write(prettify(entry)) });
}
