// A program that does as it is told, for tests to run as a process of its own.
import { setTimeout } from 'node:timers/promises';
import { outputOptions, runProgram, UsageError } from './index.ts';
import type { Command, OptionDefinitions, RunContext, Summary } from './index.ts';

class KnownError extends Error {
  readonly isUsage: boolean;

  constructor(message: string, isUsage = false) {
    super(message);
    this.isUsage = isUsage;
  }
}

const options = {
  path: { type: 'string' },
  ending: {
    choices: ['done', 'failed', 'usage', 'known', 'known-usage', 'unknown', 'drained', 'stubborn'],
    default: 'done',
  },
  ...outputOptions,
} as const satisfies OptionDefinitions;

const summary: Summary = {
  images: 1,
  failed: 0,
  skipped: 0,
  deadLettered: 0,
  tombstones: 0,
  removed: 0,
  payloadBytes: 1,
  wireBytes: 1,
  seconds: 1,
  imagesPerSecond: 1,
};

async function run({ values, logger, progress, signal, path }: RunContext<typeof options>): Promise<Summary> {
  logger.info('at work');
  logger.warn('a warning');
  progress.start(() => 'half way', logger);
  if (values.path !== undefined) {
    logger.info(`path ${path(values.path)}`);
  }
  switch (values.ending) {
    case 'failed':
      return { ...summary, failed: 2 };
    case 'usage':
      throw new UsageError('--some-option is wrong');
    case 'known':
      throw new KnownError('the disk is full');
    case 'known-usage':
      throw new KnownError('no such property', true);
    case 'unknown':
      throw new TypeError('nobody thought of this');
    case 'drained':
      await aborted(signal);
      logger.info('drained');
      return summary;
    case 'stubborn':
      await aborted(signal);
      // From here on a signal counts as a second one.
      await setTimeout(600);
      logger.info('still here');
      await setTimeout(60_000);
      return summary;
    default:
      return summary;
  }
}

/** Waits for the signal, which alone would not keep the process alive. */
async function aborted(signal: AbortSignal): Promise<void> {
  await setTimeout(60_000, undefined, { signal }).catch(() => {});
}

const checkOptions = {
  result: { choices: ['same', 'different', 'usage'], default: 'same', describe: 'What it finds' },
  ...outputOptions,
} as const satisfies OptionDefinitions;

const check: Command<typeof checkOptions> = {
  summary: 'Checks what was done.',
  options: checkOptions,
  examples: [['$0 --result different', 'finds a difference']],
  async run({ values: { result } }) {
    if (result === 'usage') {
      throw new UsageError('--result is wrong');
    }
    return { summary: { result }, text: `checked\n  ${result}`, isDone: result === 'same' };
  },
};

await runProgram({
  name: 'tester',
  version: '1.2.3',
  summary: 'Does as it is told.',
  options,
  examples: [],
  verb: 'tested',
  knownErrors: [KnownError],
  run,
  commands: { check },
});
