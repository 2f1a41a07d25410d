import yargs from 'yargs';
import { assertKnown, assertNoCommand, checked, positionals } from './checks.ts';
import type { CommandLine, OptionDefinitions, OptionValues } from './command-line.ts';
import { completionRequest, completionScript, completionsOf } from './completion.ts';
import { UsageError } from './errors.ts';
import { mendHelp } from './help.ts';
import { noConfigFile, readConfigFile } from './config-file.ts';
import { collectSources, untypedWords } from './sources.ts';
import type { Environment, GivenValues } from './sources.ts';
import { normalize, spelled, variableOf } from './spelling.ts';
import { parserConfiguration, typedValues } from './typed.ts';

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
  const { name, options, isCommand = false } = commandLine;
  const words = normalize(args, options);
  if (words[0] === 'completion' && words.length === 1 && !isCommand) {
    return { kind: 'text', text: await completionScript(name) };
  }
  if (words[0] === completionRequest) {
    const parser = createParser(commandLine, () => []);
    return { kind: 'text', text: await completionsOf(parser, words.slice(1), options) };
  }

  const typed = typedValues(words, options);
  const file = 'config' in options ? configFileName(typed, environment) : undefined;
  const { otherOptions = {} } = commandLine;
  const config =
    file === undefined ? noConfigFile : await readConfigFile(file, path(file), options, otherOptions);
  const given = collectSources(typed, environment, config, options);
  let text = '';
  const parser = createParser(commandLine, given);
  const values = await parser.parse(
    [...untypedWords(given, options), ...words],
    {},
    (_error, _argv, output) => {
      text = output;
    },
  );
  if (text !== '') {
    return { kind: 'text', text: mendHelp(text) };
  }
  const inputs = positionals(values);
  assertNoCommand(inputs, commandLine, path);
  return { kind: 'values', values: values as OptionValues<O>, inputs, given };
}

/** The config file that is asked for, on the command line or in the environment. */
function configFileName(
  typed: ReadonlyMap<string, readonly string[]>,
  environment: Environment,
): string | undefined {
  return typed.get('config')?.at(-1) ?? (environment[variableOf('config')] || undefined);
}

function createParser(commandLine: CommandLine<OptionDefinitions>, given: GivenValues) {
  const { name, version, summary, options, inputs, examples, commands = {}, isCommand } = commandLine;
  return (
    yargs()
      .scriptName(name)
      .usage(
        `${summary}\n\nUsage: $0 ${inputs === undefined ? '' : `[${inputs.name}..] `}[options]${inputsHelp(inputs)}`,
      )
      .parserConfiguration(parserConfiguration)
      // Our own texts are English, and a mixture of languages helps nobody.
      .detectLocale(false)
      // Before what yargs checks: a mistyped option explains why a required one is missing.
      .middleware((argv) => assertKnown(argv, commandLine), true)
      .options(checked(options, given))
      .example(examples as [string, string][])
      .epilogue(
        'Every option can be set in the environment: --some-option is IMAGE_STREAM_SOME_OPTION; or in the file of --config: some-option: value.',
      )
      // For the help and the completions; which command it is, is known before anything is parsed.
      .command(
        Object.entries(commands).map(([command, { summary: describe }]) => ({
          command,
          describe,
          handler() {},
        })),
      )
      .completion('completion', isCommand ? false : 'Print a completion script for bash, zsh or fish')
      .version(version)
      .group(['help', 'version'], 'Other:')
      .wrap(Math.min(110, process.stdout.columns ?? 110))
      .exitProcess(false)
      .fail((message, error) => {
        throw error instanceof UsageError
          ? error
          : new UsageError(explain(message ?? error.message, options));
      })
  );
}

function inputsHelp(inputs: CommandLine<OptionDefinitions>['inputs']): string {
  return inputs === undefined ? '' : `\n\n${inputs.name}: ${inputs.describe}`;
}

/** What yargs says about a missing option or value, in the words of our own messages. */
function explain(message: string, options: OptionDefinitions): string {
  const [, problem, name = ''] =
    /^(Missing required argument|Not enough arguments following): ([\w-]+)$/.exec(message) ?? [];
  if (problem === undefined) {
    return message;
  }
  return `${spelled(name, options)} ${problem.startsWith('Missing') ? 'is required' : 'needs a value'}`;
}
