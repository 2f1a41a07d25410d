import yargs from 'yargs';
import type { InferredOptionTypes, Options } from 'yargs';
import { UsageError } from './errors.ts';

/** Option definitions as yargs takes them; what they parse to is inferred. */
export type OptionDefinitions = Record<string, Options>;
export type OptionValues<O extends OptionDefinitions> = InferredOptionTypes<O>;

/** A command line: what it is called, and what it understands. */
export interface CommandLine<O extends OptionDefinitions> {
  /** As a user types it, for usage lines. */
  readonly name: string;
  readonly version: string;
  /** One sentence on what the program does. */
  readonly summary: string;
  readonly options: O;
  readonly examples: readonly (readonly [command: string, explanation: string])[];
}

/** What a command line asks for: a run with values, or a text such as the help. */
export type Parsed<O extends OptionDefinitions> =
  | { readonly kind: 'values'; readonly values: OptionValues<O> }
  | { readonly kind: 'text'; readonly text: string };

/**
 * Parses arguments; where one is missing, `IMAGE_STREAM_<OPTION>` from the environment counts.
 * A repeated option's last value wins, and underscores are as good as hyphens in option names.
 *
 * @throws UsageError
 */
export async function parseArguments<O extends OptionDefinitions>(
  commandLine: CommandLine<O>,
  args: readonly string[],
): Promise<Parsed<O>> {
  const { name, version, summary, options, examples } = commandLine;
  const parser = yargs()
    .scriptName(name)
    .usage(`${summary}\n\nUsage: $0 [options]`)
    .parserConfiguration({ 'short-option-groups': false, 'camel-case-expansion': false })
    .env('IMAGE_STREAM')
    .options(lastWins(options))
    .example(examples as [string, string][])
    .epilogue('Every option can be set in the environment: --some-option is IMAGE_STREAM_SOME_OPTION.')
    .completion('completion', 'Print a completion script for bash or zsh')
    .demandCommand(0, 0, '', 'unexpected argument; this command takes options only')
    .strict()
    .version(version)
    .group(['help', 'version'], 'Other:')
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .exitProcess(false)
    .fail((message, error) => {
      throw error instanceof UsageError ? error : new UsageError(message ?? error.message);
    });

  const { values, text } = await new Promise<{ values: OptionValues<O>; text: string }>((resolve, reject) => {
    const parse = parser.parse(normalize(args, options), {}, (error, argv, output) => {
      if (error) {
        reject(error);
      } else {
        resolve({ values: argv as unknown as OptionValues<O>, text: output });
      }
    });
    Promise.resolve(parse).catch(reject);
  });
  return text === '' ? { kind: 'values', values } : { kind: 'text', text: mendHelp(text) };
}

/** yargs collects the values of a repeated option in an array. */
function lastWins(options: OptionDefinitions): OptionDefinitions {
  const entries = Object.entries(options).map(([name, option]) => {
    const { coerce = (value: unknown): unknown => value, type } = option;
    const last = (value: unknown): unknown => {
      const only = Array.isArray(value) ? value.at(-1) : value;
      return only === undefined ? undefined : coerce(only);
    };
    return [name, type === 'array' ? option : { ...option, coerce: last }] as const;
  });
  return Object.fromEntries(entries);
}

/**
 * What the Python application's users type, as yargs expects it: `--request_timeout_ms`, `True`.
 * A leading `--` comes from package managers that pass arguments on.
 */
function normalize(args: readonly string[], options: OptionDefinitions): string[] {
  const booleans = new Set(
    Object.entries(options)
      .filter(([, { type }]) => type === 'boolean')
      .flatMap(([name, { alias = [] }]) => [`--${name}`, ...[alias].flat().map((short) => `-${short}`)]),
  );
  const given = args[0] === '--' ? args.slice(1) : args;
  const normalized: string[] = [];
  for (const arg of given) {
    const [, flag, value] = /^(--?[^=]+)=?(.*)$/s.exec(arg) ?? [];
    const name = flag?.startsWith('--') ? flag.replaceAll('_', '-') : flag;
    const previous = normalized.at(-1);
    if (previous !== undefined && booleans.has(previous) && /^(True|False)$/.test(arg)) {
      normalized.push(arg.toLowerCase());
    } else if (name !== undefined && booleans.has(name) && /^(True|False)$/.test(value!)) {
      normalized.push(`${name}=${value!.toLowerCase()}`);
    } else if (name === undefined) {
      normalized.push(arg);
    } else {
      normalized.push(name + arg.slice(flag!.length));
    }
  }
  return normalized;
}

/**
 * yargs shows an alias of several letters with two hyphens and after the name; ours take one, as in
 * the Python application. That values are text goes without saying.
 */
function mendHelp(text: string): string {
  return text
    .replaceAll(/^ {6}(--[\w-]+), --(\w{2,3})/gm, (shown, name, alias) =>
      `  -${alias}, ${name}`.padEnd(shown.length),
    )
    .replaceAll(/\[(string|boolean|array)\]/g, (type) => ' '.repeat(type.length))
    .replaceAll(/ +$/gm, '');
}
