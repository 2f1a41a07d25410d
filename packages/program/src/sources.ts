import type { Environment, OptionDefinitions } from './arguments.ts';
import type { ConfigFile } from './config-file.ts';
import { aliasesOf, beforeInputs, variableOf } from './spelling.ts';

/** What was typed, and what else counts where nothing was. */
export interface Sources {
  /** All of it as arguments. An option has those of its strongest source; one that takes several values, those of all. */
  readonly args: readonly string[];
  /** Where the value of an option comes from that was not typed, for messages. */
  readonly originOf: (option: string) => string | undefined;
  /** The name of the config file where that is what a value comes from. */
  readonly configOf: (option: string, value: string) => string | undefined;
}

/** Variables that are empty, or another program's, do not count. */
export function collectSources(
  given: readonly string[],
  environment: Environment,
  config: ConfigFile,
  options: OptionDefinitions,
): Sources {
  const typed = new Set(beforeInputs(given).map((word) => word.replace(/=.*$/s, '')));
  const isTyped = (name: string): boolean =>
    [name, ...aliasesOf(options[name] ?? {})].some((one) => typed.has(`--${one}`) || typed.has(`-${one}`));
  const inEnvironment = (name: string): string[] => [environment[variableOf(name)] ?? ''].filter(Boolean);

  const untyped = Object.entries(options).flatMap(([name, { type }]) => {
    const [variable, file] = [inEnvironment(name), config.valuesOf(name)];
    const strongest = variable.length > 0 ? variable : file;
    const values = type === 'array' ? [...file, ...variable] : isTyped(name) ? [] : strongest;
    return values.map((value) => `--${name}=${value}`);
  });
  return {
    args: [...untyped, ...given],
    originOf(option) {
      if (isTyped(option)) {
        return undefined;
      }
      if (inEnvironment(option).length > 0) {
        return variableOf(option);
      }
      return config.valuesOf(option).length > 0 ? config.name : undefined;
    },
    configOf(option, value) {
      const isList = options[option]?.type === 'array';
      const isStronger = inEnvironment(option).includes(value) || (!isList && isTyped(option));
      return !isStronger && config.valuesOf(option).includes(value) ? config.name : undefined;
    },
  };
}

/** The config file that is asked for, on the command line or in the environment. */
export function configFileName(given: readonly string[], environment: Environment): string | undefined {
  const words = beforeInputs(given);
  const place = words.findLastIndex((word) => /^--config(=|$)/.test(word));
  const word = words[place];
  if (word === undefined) {
    return environment[variableOf('config')] || undefined;
  }
  return word.includes('=') ? word.slice(word.indexOf('=') + 1) : words[place + 1];
}
