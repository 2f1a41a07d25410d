import type { OptionDefinitions } from './command-line.ts';
import type { ConfigFile } from './config-file.ts';
import { namesOf, spelled, variableOf } from './spelling.ts';

/** Environment variables, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A value of an option as it was given, before anything reads it. */
export interface GivenValue {
  readonly text: string;
  readonly source: 'command line' | 'environment' | 'config file';
  /** For messages: `--acks`, `IMAGE_STREAM_ACKS`, or the name of the config file. */
  readonly origin: string;
}

/**
 * The values of an option that count, the weakest first: of most options there is one, that of the strongest source; an
 * option that takes several has those of all sources. None where only the default holds.
 */
export type GivenValues = (option: string) => readonly GivenValue[];

/**
 * Brings together where options are set: what is typed is stronger than the environment, and that than the config file.
 * Variables that are empty, or another program's, do not count.
 */
export function collectSources(
  typed: ReadonlyMap<string, readonly string[]>,
  environment: Environment,
  config: ConfigFile,
  options: OptionDefinitions,
): GivenValues {
  const values = new Map(
    Object.entries(options).map(([name, { type }]) => {
      const weakestFirst: GivenValue[][] = [
        config.valuesOf(name).map((text) => ({ text, source: 'config file', origin: config.name })),
        namesOf(name, options)
          .map(variableOf)
          .filter((variable) => environment[variable])
          .slice(0, 1)
          .map((variable) => ({ text: environment[variable]!, source: 'environment', origin: variable })),
        (typed.get(name) ?? []).map((text) => ({
          text,
          source: 'command line',
          origin: spelled(name),
        })),
      ];
      const strongest = weakestFirst.findLast((given) => given.length > 0) ?? [];
      return [name, type === 'array' ? weakestFirst.flat() : strongest.slice(-1)] as const;
    }),
  );
  return (option) => values.get(option) ?? [];
}
