import { closestMatch } from 'leven';
import type { OptionDefinition, OptionDefinitions } from './command-line.ts';

/** The options that every command line answers to by itself. */
export const ownOptions = {
  help: { type: 'boolean', alias: 'h', describe: 'Show this help', group: 'Other:' },
  version: { type: 'boolean', alias: 'v', describe: 'Show the version', group: 'Other:' },
} as const satisfies OptionDefinitions;

/** The options by all of their names, their own and other ones. */
export function byName(options: OptionDefinitions): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(options).flatMap(([name, option]) =>
      [name, ...aliasesOf(option)].map((one) => [one, name] as const),
    ),
  );
}

/** The other names of an option. */
export function aliasesOf({ alias = [] }: OptionDefinition): readonly string[] {
  return [alias].flat();
}

/** All names of an option that are words, and so stand in the environment and in a config file as well. */
export function namesOf(name: string, options: OptionDefinitions): string[] {
  return [name, ...aliasesOf(options[name] ?? {}).filter((alias) => alias.length > 3)];
}

/** An option with its hyphens: one before a letter, two before a word. */
export function spelled(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** The environment variable of an option. */
export function variableOf(name: string): string {
  return `IMAGE_STREAM_${name.replaceAll('-', '_').toUpperCase()}`;
}

/** The names that were probably meant: one with two slips at most or its letters in another order, or those that begin with what was typed. */
export function meant(typed: string, names: readonly string[]): readonly string[] {
  const letters = (name: string): string => name.split('').toSorted().join('');
  const swapped = names.find((name) => typed.length > 2 && letters(name) === letters(typed));
  const closest = swapped ?? closestMatch(typed, names, { maxDistance: Math.min(2, (typed.length - 1) / 2) });
  return closest === undefined
    ? names.filter((name) => typed.length > 1 && name.startsWith(typed)).slice(0, 3)
    : [closest];
}

/** `; did you mean --topic?`, or nothing. */
export function didYouMean(suggestions: readonly string[]): string {
  return suggestions.length === 0 ? '' : `; did you mean ${suggestions.join(' or ')}?`;
}

/** Arguments without the leading `--` of package managers, which pass it on with what stands behind it. */
export function passedOn(args: readonly string[], environment: NodeJS.ProcessEnv): readonly string[] {
  return args[0] === '--' && environment['npm_lifecycle_event'] !== undefined ? args.slice(1) : args;
}
