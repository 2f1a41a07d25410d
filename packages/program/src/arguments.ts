import type { CommandLine, OptionDefinition, OptionDefinitions, OptionValues } from './command-line.ts';
import { completionRequest, completionScript, completionsOf } from './completion.ts';
import { noConfigFile, readConfigFile } from './config-file.ts';
import { UsageError } from './errors.ts';
import { helpOf } from './help.ts';
import { collectSources } from './sources.ts';
import type { Environment, GivenValue, GivenValues } from './sources.ts';
import { spelled, variableOf } from './spelling.ts';
import { assertInputs, readWords } from './words.ts';

/** What a command line asks for: a run with values, or a text such as the help. */
export type Parsed<O extends OptionDefinitions> =
  | {
      readonly kind: 'values';
      readonly values: OptionValues<O>;
      readonly inputs: readonly string[];
      readonly given: GivenValues;
    }
  | { readonly kind: 'text'; readonly text: string };

/**
 * Parses arguments; where one is missing, `IMAGE_STREAM_<OPTION>` from the environment counts, and then the file of
 * `--config`. A repeated option's last value wins, and underscores are as good as hyphens in option names.
 *
 * @param path makes a path on the command line absolute
 * @throws UsageError
 */
export async function parseArguments<O extends OptionDefinitions>(
  commandLine: CommandLine<O>,
  args: readonly string[],
  environment: Environment,
  path: (path: string) => string,
): Promise<Parsed<O>> {
  const { name, version, options, isCommand = false, otherOptions = {} } = commandLine;
  if (args[0] === completionRequest) {
    return { kind: 'text', text: completionsOf(args.slice(1), commandLine).join('\n') };
  }
  const script = isCommand ? undefined : completionScript(args, name, environment);
  if (script !== undefined) {
    return { kind: 'text', text: script };
  }
  const typed = readWords(args, options);
  if (typed === 'version') {
    return { kind: 'text', text: version };
  }
  if (typed === 'help') {
    // A terminal of unknown width says 0.
    return { kind: 'text', text: helpOf(commandLine, Math.min(80, process.stdout.columns || 80)) };
  }

  assertInputs(typed.inputs, commandLine, path);
  const file = typed.values.get('config')?.at(-1) ?? environment[variableOf('config')];
  const config =
    'config' in options && file
      ? await readConfigFile(file, path(file), options, otherOptions)
      : noConfigFile;
  const given = collectSources(typed.values, environment, config, options);
  const values = Object.fromEntries(
    Object.entries(options).map(([option, definition]) => [
      option,
      valueOf(option, definition, given(option)),
    ]),
  );
  return { kind: 'values', values: values as OptionValues<O>, inputs: typed.inputs, given };
}

/** What an option comes to. A message on a value that was not typed names its place. */
function valueOf(name: string, option: OptionDefinition, given: readonly GivenValue[]): unknown {
  const strongest = given.at(-1);
  if (strongest === undefined) {
    if (option.demandOption === true) {
      throw new UsageError(`${spelled(name)} is required`);
    }
    return option.default === undefined ? undefined : meaningOf(name, option, option.default);
  }
  if (option.type === 'array') {
    return given.map(({ text }) => text);
  }
  try {
    return meaningOf(name, option, strongest.text);
  } catch (error) {
    const { source, origin } = strongest;
    throw source === 'command line' ? error : new UsageError(`${origin}: ${(error as Error).message}`);
  }
}

function meaningOf(
  name: string,
  { type, choices, synonyms = {}, coerce = (value) => value }: OptionDefinition,
  text: string,
): unknown {
  if (type === 'boolean') {
    if (!/^(true|false)$/i.test(text)) {
      throw new UsageError(`--${name} must be true or false, not '${text}'`);
    }
    return text.toLowerCase() === 'true';
  }
  const value = Object.hasOwn(synonyms, text) ? synonyms[text]! : text;
  if (choices !== undefined && !choices.includes(value)) {
    throw new UsageError(`--${name} must be one of ${choices.join(', ')}, not '${text}'`);
  }
  return coerce(value);
}
