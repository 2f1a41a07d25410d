import { closestMatch } from 'leven';
import type { OptionDefinitions } from './command-line.ts';

/**
 * What the Python application's users type, as yargs expects it: `--request_timeout_ms` with
 * hyphens, and a boolean with its value in one word, so that `--flag`, `--flag False` and
 * `--flag=false` are all read in the same way.
 * What stands behind `--` are inputs, as they were typed.
 */
export function normalize(args: readonly string[], options: OptionDefinitions): string[] {
  const booleans = booleanFlags(options);
  const normalized: string[] = [];
  const words = beforeInputs(args);
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    const [, flag = ''] = /^(--?[^=]+)/.exec(word) ?? [];
    const name = flag.startsWith('--') ? flag.replaceAll('_', '-') : flag;
    const next = words[index + 1];
    if (!booleans.has(name) || word !== flag) {
      normalized.push(name + word.slice(flag.length));
    } else if (next !== undefined && /^(true|false)$/i.test(next)) {
      normalized.push(`${name}=${next}`);
      index++;
    } else {
      normalized.push(`${name}=true`);
    }
  }
  return [...normalized, ...args.slice(words.length)];
}

/** The words before `--`, among which options are. */
function beforeInputs(args: readonly string[]): readonly string[] {
  const place = args.indexOf('--');
  return place === -1 ? args : args.slice(0, place);
}

/** Arguments without the leading `--` of package managers, which pass it on with what stands behind it. */
export function passedOn(args: readonly string[], environment: NodeJS.ProcessEnv): readonly string[] {
  return args[0] === '--' && environment['npm_lifecycle_event'] !== undefined ? args.slice(1) : args;
}

/** The environment variable of an option. */
export function variableOf(name: string): string {
  return `IMAGE_STREAM_${name.replaceAll('-', '_').toUpperCase()}`;
}

/** An option or its alias in full, with its hyphens. */
export function spelled(nameOrAlias: string, options: OptionDefinitions): string {
  const name =
    Object.keys(options).find((candidate) => aliasesOf(options[candidate]!).includes(nameOrAlias)) ??
    nameOrAlias;
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** The short forms of an option. */
export function aliasesOf({ alias = [] }: OptionDefinitions[string]): string[] {
  return [alias].flat();
}

/** The name that was probably meant: two slips at most, and not another word altogether. */
export function meant(typed: string, names: readonly string[]): string | undefined {
  return closestMatch(typed, names, { maxDistance: Math.min(2, (typed.length - 1) / 2) });
}

/** All names of an option that are words, and so stand in the environment and in a config file as well. */
export function namesOf(name: string, options: OptionDefinitions): string[] {
  return [name, ...aliasesOf(options[name] ?? {}).filter((alias) => alias.length > 3)];
}

function booleanFlags(options: OptionDefinitions): Set<string> {
  const names = Object.entries(options)
    .filter(([, { type }]) => type === 'boolean')
    .flatMap(([name, option]) => [name, ...aliasesOf(option)]);
  return new Set(names.flatMap((name) => [`--${name}`, `-${name}`]));
}
