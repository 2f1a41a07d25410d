import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { CommandLine, OptionDefinitions } from './command-line.ts';
import { UsageError } from './errors.ts';
import { byName, didYouMean, meant, ownOptions, spelled } from './spelling.ts';

/** What was typed: the values of each option as text, in their order, and the arguments that are no options. */
export interface Typed {
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly inputs: readonly string[];
}

/**
 * Reads the words of a command line. An option's name may have underscores for hyphens, and begin with one hyphen or
 * two, whatever its length: `-cid`, `--customer_id`. A boolean stands alone or takes `true` or `false`. Behind `--`,
 * everything is an input.
 *
 * @returns what was typed; or `help` or `version` where that is asked for, whatever else is wrong
 * @throws UsageError for an option that is not known, or lacks its value
 */
export function readWords(
  args: readonly string[],
  definitions: OptionDefinitions,
): Typed | keyof typeof ownOptions {
  const options: OptionDefinitions = { ...definitions, ...ownOptions };
  const isBoolean = (name: string): boolean => options[name]?.type === 'boolean';
  const { tokens } = parseArgs({
    args: inFull(args, options),
    options: Object.fromEntries(
      Object.keys(options).map((name) => [name, { type: isBoolean(name) ? 'boolean' : 'string' }]),
    ),
    // What is wrong is said in our own words.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const name of ['help', 'version'] as const) {
    if (tokens.some((token) => token.kind === 'option' && token.name === name)) {
      return name;
    }
  }

  const values = new Map<string, string[]>();
  const inputs: string[] = [];
  for (const [place, token] of tokens.entries()) {
    if (token.kind === 'option') {
      const { name, value, inlineValue = false, index } = token;
      if (!Object.hasOwn(options, name)) {
        throw new UsageError(unknownOption(args[index]!, options));
      }
      if (!isBoolean(name)) {
        assertValue(name, inlineValue ? '' : args[index + 1]);
      }
      values.set(name, [...(values.get(name) ?? []), value ?? 'true']);
    } else if (token.kind === 'positional') {
      const before = tokens[place - 1];
      if (before?.kind === 'option' && isBoolean(before.name) && /^(true|false)$/i.test(token.value)) {
        values.get(before.name)!.splice(-1, 1, token.value);
      } else {
        inputs.push(token.value);
      }
    }
  }
  return { values, inputs };
}

/**
 * That inputs are taken, and that none is the name of a command, mistyped or behind an option, which would be taken for
 * a file.
 *
 * @throws UsageError
 */
export function assertInputs(
  inputs: readonly string[],
  { name, inputs: taken, commands = {} }: CommandLine<OptionDefinitions>,
  path: (path: string) => string,
): void {
  for (const input of inputs) {
    const suggestions = meant(input, Object.keys(commands)).map((command) => `${name} ${command}`);
    if (taken === undefined) {
      const advice = suggestions.length > 0 ? didYouMean(suggestions) : '; only options are accepted';
      throw new UsageError(`unexpected argument '${input}'${advice}`);
    }
    if (suggestions.length > 0 && !existsSync(path(input))) {
      throw new UsageError(
        Object.hasOwn(commands, input)
          ? `a command comes first: ${name} ${input} ...`
          : `there is no file '${input}'${didYouMean(suggestions)}`,
      );
    }
  }
}

/** The words with the options' names in full; what stands behind `--` stays as it was typed. */
function inFull(args: readonly string[], options: OptionDefinitions): string[] {
  const names = byName(options);
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  return args.map((word, index) => {
    const [, typed = '', rest = ''] = /^--?([^=-][^=]*)(.*)$/s.exec(word) ?? [];
    const [, letter = '', number = ''] = /^-([a-z])(-?\d+)$/i.exec(word) ?? [];
    const name = names.get(typed.replaceAll('_', '-'));
    if (index >= end || (name ?? names.get(letter)) === undefined) {
      return word;
    }
    return name === undefined ? `--${names.get(letter)}=${number}` : `--${name}${rest}`;
  });
}

/** @param next the word in the value's place; a number below zero is a value, another option is none */
function assertValue(name: string, next: string | undefined): void {
  if (next === undefined) {
    throw new UsageError(`${spelled(name)} needs a value`);
  }
  if (/^-[^\d.]/.test(next)) {
    throw new UsageError(
      `${spelled(name)} needs a value; for the value '${next}', write ${spelled(name)}=${next}`,
    );
  }
}

function unknownOption(word: string, options: OptionDefinitions): string {
  const [option] = word.split('=', 1) as [string];
  const typed = option.replace(/^--?/, '').replaceAll('_', '-');
  const negated = typed.replace(/^no-/, '');
  if (negated !== typed && options[negated]?.type === 'boolean') {
    return `unknown option ${option}${didYouMean([`--${negated}=false`])}`;
  }
  const suggestions = meant(typed, Object.keys(options)).map(spelled);
  const attached = /^-([a-z])(.+)$/i.exec(word);
  if (suggestions.length === 0 && attached !== null && byName(options).has(attached[1]!)) {
    return `unknown option ${option}${didYouMean([`-${attached[1]} ${attached[2]}`])}`;
  }
  return `unknown option ${option}${didYouMean(suggestions)}`;
}
