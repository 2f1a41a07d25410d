import { resolve } from 'node:path';
import { parseArguments } from './arguments.ts';
import type { CommandLine, OptionDefinitions, OptionValues } from './arguments.ts';
import { UsageError } from './errors.ts';
import { createLogger, logLevels } from './log.ts';
import type { LogLevel, Logger } from './log.ts';
import { createProgress } from './progress.ts';
import type { Progress } from './progress.ts';
import { abortOnSignals } from './signals.ts';
import { describeSummary } from './summary.ts';
import type { Summary } from './summary.ts';

/** The options that every program has. */
export const outputOptions = {
  'log-level': {
    choices: logLevels,
    describe: 'How much to log',
    defaultDescription: 'info',
    group: 'Output:',
  },
  quiet: {
    type: 'boolean',
    describe: 'No progress and no summary; errors and warnings only',
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
}

/** A program: its command line, its work, and which errors are the user's to solve. */
export interface Program<O extends OptionDefinitions> extends CommandLine<O> {
  /** Past tense, for the summary: `sent`, `saved`. */
  readonly verb: string;
  run(context: RunContext<O>): Promise<Summary>;
  /**
   * Classes of errors whose message explains everything; others are shown with their stack. One that
   * `isUsage` ends the program like a wrong option.
   */
  readonly knownErrors: readonly (new (...args: never[]) => Error & { readonly isUsage?: boolean })[];
}

/**
 * Runs a program to its end: parses, logs, reports, and sets the exit code: 0 all done, 1 something
 * was not, 2 wrong usage.
 */
export async function runProgram<O extends OptionDefinitions>(program: Program<O>): Promise<void> {
  let finish = (): void => {};
  try {
    const parsed = await parseArguments(program, process.argv.slice(2), process.env);
    if (parsed.kind === 'text') {
      process.stdout.write(`${parsed.text}\n`);
      return;
    }
    const {
      quiet = false,
      json = false,
      'log-level': level,
    } = parsed.values as OptionValues<typeof outputOptions>;
    const progress = createProgress(process.stderr, quiet);
    finish = () => progress.stop();
    const logger = createLogger(level ?? defaultLevel(quiet), (line) => progress.write(line), usesColor());
    const signal = abortOnSignals((name) =>
      logger.info(`${name}: finishing what has begun; once more to leave at once`),
    );

    const summary = await program.run({
      values: parsed.values,
      inputs: parsed.inputs,
      logger,
      progress,
      signal,
      path: userPath,
    });
    finish();
    await new Promise((written) => {
      process.stdout.write(summaryText(program.verb, summary, { json, quiet }), written);
    });
    // Not by itself: a client that was given up can hold connections, and with them the process, for ever.
    process.exit(summary.failed + summary.removed > 0 ? 1 : 0);
  } catch (error) {
    finish();
    // The client may still be trying to connect; the user has the answer already.
    process.exit(report(program, error));
  }
}

function summaryText(
  verb: string,
  summary: Summary,
  { json, quiet }: { json: boolean; quiet: boolean },
): string {
  if (json) {
    return `${JSON.stringify(summary)}\n`;
  }
  return quiet ? '' : `${describeSummary(verb, summary)}\n`;
}

function report(
  { name, knownErrors }: Pick<Program<OptionDefinitions>, 'name' | 'knownErrors'>,
  error: unknown,
): number {
  if (error instanceof UsageError) {
    process.stderr.write(`${name}: ${error.message} (see ${name} --help)\n`);
    return 2;
  }
  const known = knownErrors.some((errorClass) => error instanceof errorClass);
  const text = error instanceof Error ? (known ? error.message : error.stack) : String(error);
  process.stderr.write(`${name}: ${text}\n`);
  return known && (error as { isUsage?: boolean }).isUsage === true ? 2 : 1;
}

function defaultLevel(quiet: boolean): LogLevel {
  return quiet ? 'warn' : 'info';
}

/** https://no-color.org */
function usesColor(): boolean {
  return process.stderr.isTTY && (process.env['NO_COLOR'] ?? '') === '';
}

/** Under pnpm the working directory is the package's; INIT_CWD is where the user stands. */
function userPath(path: string): string {
  const isOurScript = process.env['npm_package_name']?.startsWith('@image-stream/') ?? false;
  return resolve((isOurScript ? process.env['INIT_CWD'] : undefined) ?? process.cwd(), path);
}
