import { resolve } from 'node:path';
import { inspect } from 'node:util';
import { parseArguments } from './arguments.ts';
import type { CommandLine, OptionDefinitions, OptionValues } from './command-line.ts';
import { splitCommand } from './commands.ts';
import { StoppedError, UsageError } from './errors.ts';
import { createLogger, logFormats, logLevels } from './log.ts';
import type { LogFormat, LogLevel, Logger } from './log.ts';
import { createProgress } from './progress.ts';
import type { Progress } from './progress.ts';
import { abortOnSignals } from './signals.ts';
import type { GivenValues } from './sources.ts';
import { passedOn } from './spelling.ts';
import { describeSummary } from './summary.ts';
import type { Summary } from './summary.ts';

/** The options that every program has. */
export const outputOptions = {
  config: {
    type: 'string',
    describe:
      'YAML or JSON file of options, such as topic: scans; the command line and the environment take precedence',
    group: 'Settings:',
  },
  'log-level': {
    choices: logLevels,
    describe: 'Log level',
    defaultDescription: 'info',
    group: 'Output:',
  },
  'log-format': {
    choices: logFormats,
    describe: 'Log format; auto: text on a terminal, else JSON',
    defaultDescription: 'auto',
    group: 'Output:',
  },
  quiet: {
    type: 'boolean',
    describe: 'Only warnings and errors: no progress, no summary',
    group: 'Output:',
  },
  json: {
    type: 'boolean',
    describe: 'Print the summary as JSON, as the last line on stdout',
    group: 'Output:',
  },
} as const satisfies OptionDefinitions;

/** What a program's own function is given. */
export interface RunContext<O extends OptionDefinitions> {
  readonly values: OptionValues<O>;
  /** The arguments that are no options. */
  readonly inputs: readonly string[];
  readonly logger: Logger;
  readonly progress: Progress;
  /** Aborted when the user asks to stop: finish what has begun, then return. */
  readonly signal: AbortSignal;
  /** A path on the command line as the user means it, made absolute. */
  readonly path: (path: string) => string;
  /** What was said of an option, as text, and where. */
  readonly given: GivenValues;
  /** Writes a line for people to standard output while the run goes on; nothing with `--json` or `--quiet`. */
  readonly print: (line: string) => void;
}

/** What a run came to. */
export interface Outcome {
  /** What `--json` prints, as the last line on standard output; a list, one line each. */
  readonly summary: object;
  /** The same for people, without a line break at its end. */
  readonly text: string;
  /** False makes the exit code 1. */
  readonly isDone: boolean;
}

/** What a program does where a certain word stands first on its command line. */
export interface Command<O extends OptionDefinitions> extends Pick<
  CommandLine<O>,
  'summary' | 'options' | 'examples'
> {
  run(context: RunContext<O>): Promise<Outcome>;
}

/** A program: its command line, its work, and which errors are the user's to solve. */
export interface Program<O extends OptionDefinitions> extends CommandLine<O> {
  /** Past tense, for the summary: `sent`, `saved`. */
  readonly verb: string;
  /** Gives what it did, or, where it did something else than its main work, what that came to. */
  run(context: RunContext<O>): Promise<Summary | Outcome>;
  /** Commands by their words, each with options of its own. Default: none. */
  readonly commands?: Readonly<Record<string, Command<OptionDefinitions>>>;
  /**
   * Classes of errors whose message explains everything; others are shown with their stack. One that
   * `isUsage` ends the program like a wrong option.
   */
  readonly knownErrors: readonly (new (...args: never[]) => Error & { readonly isUsage?: boolean })[];
}

/**
 * Runs a program to its end: parses, logs, reports, and sets the exit code: 0 all done, 1 something
 * was not, 2 usage error.
 *
 * @param given its arguments. Default: those of this process
 */
export async function runProgram<O extends OptionDefinitions>(
  program: Program<O>,
  given: readonly string[] = process.argv.slice(2),
): Promise<void> {
  const { commandLine, args, run } = chosenBy(passedOn(given, process.env), program);
  let finish = (): void => {};
  let jsonLogger: Logger | undefined;
  try {
    const parsed = await parseArguments(commandLine, args, process.env, userPath);
    if (parsed.kind === 'text') {
      process.stdout.write(`${parsed.text}\n`);
      return;
    }
    const {
      quiet = false,
      json = false,
      'log-level': level,
      'log-format': format = 'auto',
    } = parsed.values as OptionValues<typeof outputOptions>;
    const progress = createProgress(process.stderr, quiet);
    finish = () => progress.stop();
    const isJson = logsJson(format);
    const logger = await createLogger(level ?? defaultLevel(quiet), (line) => progress.write(line), {
      isJson,
      colorize: usesColor(process.stderr),
    });
    jsonLogger = isJson && level !== 'silent' ? logger : undefined;
    const signal = abortOnSignals((name) =>
      logger.info(`${name}: finishing work in progress; repeat to exit at once`),
    );

    const outcome = await run({
      values: parsed.values,
      inputs: parsed.inputs,
      logger,
      progress,
      signal,
      path: userPath,
      given: parsed.given,
      print: (line) => {
        if (!quiet && !json) {
          progress.print(line);
        }
      },
    });
    finish();
    await new Promise((written) => {
      process.stdout.write(outputText(outcome, { json, quiet }), written);
    });
    // Not by itself: a client that was given up can hold connections, and with them the process, for ever.
    process.exit(outcome.isDone ? 0 : 1);
  } catch (error) {
    finish();
    // The client may still be trying to connect; the user has the answer already.
    process.exit(report(commandLine.name, program.knownErrors, error, jsonLogger));
  }
}

/** What the arguments ask for: the program's own work, or that of a command. */
function chosenBy<O extends OptionDefinitions>(
  args: readonly string[],
  program: Program<O>,
): {
  readonly commandLine: CommandLine<OptionDefinitions>;
  readonly args: readonly string[];
  readonly run: (context: RunContext<OptionDefinitions>) => Promise<Outcome>;
} {
  const { name, version, verb, commands } = program;
  const { word, rest } = splitCommand(args, commands);
  if (word === undefined) {
    return {
      commandLine: program,
      args: rest,
      run: async (context) => {
        const result = await program.run(context as RunContext<O>);
        if ('isDone' in result) {
          return result;
        }
        const isDone = result.failed + result.removed === 0;
        return { summary: result, text: describeSummary(verb, result), isDone };
      },
    };
  }
  const command = commands![word]!;
  const commandLine = {
    ...command,
    name: `${name} ${word}`,
    version,
    isCommand: true,
    otherOptions: program.options,
  };
  return { commandLine, args: rest, run: (context) => command.run(context) };
}

function outputText(
  { summary, text }: Outcome,
  { json, quiet }: { readonly json: boolean; readonly quiet: boolean },
): string {
  if (json) {
    return [summary]
      .flat()
      .map((one: object) => `${JSON.stringify(one)}\n`)
      .join('');
  }
  return quiet ? '' : `${text}\n`;
}

function report(
  name: string,
  knownErrors: Program<OptionDefinitions>['knownErrors'],
  error: unknown,
  jsonLogger: Logger | undefined,
): number {
  const known = [UsageError, StoppedError, ...knownErrors].some((errorClass) => error instanceof errorClass);
  if (known && (error as { isUsage?: boolean }).isUsage === true) {
    // For whoever typed it, however logs are written.
    process.stderr.write(`${name}: ${(error as Error).message} (see ${name} --help)\n`);
    return 2;
  }
  // An unknown one with its stack, and what caused it.
  const text = known ? (error as Error).message : inspect(error, { depth: 10 });
  // Whoever reads the log as JSON gets the reason for the end in the same form.
  if (jsonLogger === undefined) {
    process.stderr.write(`${name}: ${text}\n`);
  } else {
    jsonLogger.fatal(text);
  }
  return 1;
}

function logsJson(format: LogFormat): boolean {
  return format === 'json' || (format === 'auto' && !process.stderr.isTTY);
}

function defaultLevel(quiet: boolean): LogLevel {
  return quiet ? 'warn' : 'info';
}

/** Whether to write in colour: to a terminal, unless NO_COLOR is set (https://no-color.org). */
export function usesColor(output: NodeJS.WriteStream): boolean {
  return output.isTTY && (process.env['NO_COLOR'] ?? '') === '';
}

/** Under pnpm the working directory is the package's; INIT_CWD is where the user stands. */
function userPath(path: string): string {
  const isOurScript = process.env['npm_package_name']?.startsWith('@image-stream/') ?? false;
  return resolve((isOurScript ? process.env['INIT_CWD'] : undefined) ?? process.cwd(), path);
}
