import { existsSync } from 'node:fs';
import type { CommandLine, OptionDefinitions } from './command-line.ts';
import { UsageError } from './errors.ts';
import type { GivenValues } from './sources.ts';
import { aliasesOf, meant } from './spelling.ts';

/**
 * The options with values checked here, as yargs would let some wrong ones pass and explain others
 * in several lines. To yargs all values are text, so that it does not guess numbers.
 *
 * @param given where values come from: messages name the place of one that was not typed
 */
export function checked(options: OptionDefinitions, given: GivenValues): OptionDefinitions {
  const entries = Object.entries(options).map(([name, option]) => {
    if (option.type === 'array') {
      return [name, option] as const;
    }
    const coerce = (value: unknown): unknown => {
      // yargs collects the values of a repeated option in an array; the last one wins.
      const last: unknown = Array.isArray(value) ? value.at(-1) : value;
      if (last === undefined) {
        return undefined;
      }
      try {
        return check(name, option, last);
      } catch (error) {
        const { source, origin } = given(name).at(-1) ?? { source: 'command line' };
        throw source === 'command line' ? error : new UsageError(`${origin}: ${(error as Error).message}`);
      }
    };
    const requiresArg = option.requiresArg ?? option.choices !== undefined;
    return [name, { ...option, type: 'string', requiresArg, coerce }] as const;
  });
  return Object.fromEntries(entries);
}

/**
 * That nothing was given which the program does not know.
 *
 * @throws UsageError
 */
export function assertKnown(
  argv: Record<string, unknown>,
  { name: program, options, inputs, commands = {} }: CommandLine<OptionDefinitions>,
): void {
  const names = ['help', 'version', ...Object.keys(options)];
  const known = new Set(['_', '$0', '--', ...names, ...Object.values(options).flatMap(aliasesOf)]);
  const unknown = Object.keys(argv).find((name) => !known.has(name));
  if (unknown !== undefined) {
    const suggestion = meant(unknown, names);
    const question = suggestion === undefined ? '' : `; did you mean --${suggestion}?`;
    throw new UsageError(`unknown option ${unknown.length === 1 ? '-' : '--'}${unknown}${question}`);
  }
  const [unexpected] = positionals(argv);
  if (unexpected !== undefined && inputs === undefined) {
    const command = meant(unexpected, Object.keys(commands));
    const advice = command === undefined ? 'only options are taken' : `did you mean ${program} ${command}?`;
    throw new UsageError(`unexpected argument '${unexpected}'; ${advice}`);
  }
}

/**
 * That no input is the name of a command, mistyped or behind an option, which would be taken for a file.
 *
 * @throws UsageError
 */
export function assertNoCommand(
  inputs: readonly string[],
  { name, commands = {} }: CommandLine<OptionDefinitions>,
  path: (path: string) => string,
): void {
  for (const input of inputs) {
    const command = meant(input, Object.keys(commands));
    if (command !== undefined && !existsSync(path(input))) {
      throw new UsageError(
        input === command
          ? `the name of a command stands first: ${name} ${command} ...`
          : `there is no file '${input}'; did you mean ${name} ${command}?`,
      );
    }
  }
}

/** The arguments that are no options, as they were typed. */
export function positionals(argv: Record<string, unknown>): string[] {
  return [argv['_'] ?? [], argv['--'] ?? []].flat().map(String);
}

function check(name: string, { type, choices, coerce }: OptionDefinitions[string], value: unknown): unknown {
  if (type === 'boolean') {
    return checkBoolean(name, value);
  }
  if (choices !== undefined && !choices.includes(value as string)) {
    throw new UsageError(`--${name} must be one of ${choices.join(', ')}, not '${String(value)}'`);
  }
  return coerce === undefined ? value : coerce(value);
}

/** A boolean as it was typed, or the default. */
function checkBoolean(name: string, value: unknown): boolean {
  const text = String(value).toLowerCase();
  if (text !== 'true' && text !== 'false') {
    throw new UsageError(`--${name} must be true or false, not '${String(value)}'`);
  }
  return text === 'true';
}
