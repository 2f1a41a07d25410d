import { resolve } from 'node:path';
import { inspect } from 'node:util';
import type { GivenValues, Logger as ProgramLogger } from '@image-stream/program';
import { ImageStreamError } from './errors.ts';
import type { KafkaOptions, Logger } from './options.ts';

const nothing = (): void => {};
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** A progress line that nobody sees. */
export const noProgress = { start: nothing };

/** A logger as the programs have it, which call no other methods of it. */
export function loggerOf({ logger = silent }: KafkaOptions): ProgramLogger {
  return logger as unknown as ProgramLogger;
}

/** Kafka's properties as if they had been given on a command line, for the programs' own defaults and checks. */
export function givenBy(
  { properties = {}, propertiesFile }: KafkaOptions,
  options: Readonly<Record<string, string | undefined>> = {},
): { readonly path: (path: string) => string; readonly given: GivenValues } {
  const place = (origin: string, text: string) => ({ text, source: 'environment', origin }) as const;
  const overrides = Object.entries(properties).map(([name, value]) =>
    place('properties', `${name}=${value}`),
  );
  return {
    path: resolve,
    given(option) {
      if (option === 'X') {
        return overrides;
      }
      const text = option === 'command-config' ? propertiesFile : options[option];
      return text === undefined ? [] : [place(option, text)];
    },
  };
}

/** The limits as the programs have them; messages call them by the names that they have here. */
export function limitsOf({ maxImageBytes, maxImagePixels }: KafkaOptions) {
  return {
    ...(maxImageBytes !== undefined && { maxImageBytes }),
    ...(maxImagePixels !== undefined && { maxImagePixels }),
    raisedBy: { maxImageBytes: 'maxImageBytes', maxImagePixels: 'maxImagePixels' },
  };
}

/** @throws ImageStreamError `INVALID_OPTION` for a number that is none, or too small */
export function assertNumbers(options: object, names: readonly string[], least = 1): void {
  for (const name of names) {
    const value = (options as Record<string, unknown>)[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && (value as number) >= least)) {
      throw new ImageStreamError(
        'INVALID_OPTION',
        `${name} must be a whole number of at least ${least}, not ${inspect(value)}`,
      );
    }
  }
}
