import yargs from 'yargs';
import { assertKnown, assertNoCommand, checked, positionals } from './checks.ts';
import type { CommandLine, OptionDefinitions, OptionValues } from './command-line.ts';
import { completionRequest, completionScript, completionsOf } from './completion.ts';
import { UsageError } from './errors.ts';
import { mendHelp } from './help.ts';
import { noConfigFile, readConfigFile } from './config-file.ts';
import { collectSources, configFileName } from './sources.ts';
import type { Environment, Sources } from './sources.ts';
import { normalize, spelled } from './spelling.ts';

/** What a command line asks for: a run with values, or a text such as the help. */
export type Parsed<O extends OptionDefinitions> =
  | {
      readonly kind: 'values';
      readonly values: OptionValues<O>;
      readonly inputs: readonly string[];
      readonly configOf: Sources['configOf'];
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
  const given = normalize(args, options);
  if (given[0] === 'completion' && given.length === 1 && !isCommand) {
    return { kind: 'text', text: await completionScript(name) };
  }
  if (given[0] === completionRequest) {
    const parser = createParser(commandLine, () => undefined);
    return { kind: 'text', text: await completionsOf(parser, given.slice(1), options) };
  }

  const file = 'config' in options ? configFileName(given, environment) : undefined;
  const { otherOptions = {} } = commandLine;
  const config =
    file === undefined ? noConfigFile : await readConfigFile(file, path(file), options, otherOptions);
  const { args: all, originOf, configOf } = collectSources(given, environment, config, options);
  let text = '';
  const values = await createParser(commandLine, originOf).parse(all, {}, (_error, _argv, output) => {
    text = output;
  });
  if (text !== '') {
    return { kind: 'text', text: mendHelp(text) };
  }
  const inputs = positionals(values);
  assertNoCommand(inputs, commandLine, path);
  return { kind: 'values', values: values as OptionValues<O>, inputs, configOf };
}

function createParser(commandLine: CommandLine<OptionDefinitions>, originOf: Sources['originOf']) {
  const { name, version, summary, options, inputs, examples, commands = {}, isCommand } = commandLine;
  return (
    yargs()
      .scriptName(name)
      .usage(
        `${summary}\n\nUsage: $0 ${inputs === undefined ? '' : `[${inputs.name}..] `}[options]${inputsHelp(inputs)}`,
      )
      .parserConfiguration({
        'boolean-negation': false,
        'camel-case-expansion': false,
        'dot-notation': false,
        'parse-positional-numbers': false,
        'short-option-groups': false,
      })
      // Our own texts are English, and a mixture of languages helps nobody.
      .detectLocale(false)
      // Before what yargs checks: a mistyped option explains why a required one is missing.
      .middleware((argv) => assertKnown(argv, commandLine), true)
      .options(checked(options, originOf))
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
