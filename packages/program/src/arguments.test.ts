import { describe, expect, test } from 'vitest';
import { parseArguments } from './arguments.ts';
import type { OptionDefinitions } from './command-line.ts';
import type { Environment } from './sources.ts';
import { integer, nonEmpty } from './values.ts';

const text = { type: 'string' } as const;
const options = {
  'num-messages': { ...text, alias: 'n', demandOption: true, coerce: integer('--num-messages', 1) },
  'customer-id': { ...text, alias: 'cid', coerce: nonEmpty('--customer-id'), describe: 'Whose images' },
  'bootstrap-servers': { ...text, alias: 'bs', describe: 'Brokers', group: 'Kafka:' },
  'max-request-size': { ...text, alias: 'mrs' },
  topic: { ...text, alias: 't', default: 'data-stream' },
  acks: { ...text, alias: 'a' },
  seed: text,
  pattern: { choices: ['noise', 'bars'], default: 'noise' },
  encoding: { choices: ['png', 'jpeg'], synonyms: { jpg: 'jpeg' } },
  'enable-auto-commit': { type: 'boolean', alias: 'eac' },
  quiet: { type: 'boolean' },
  X: { type: 'array' },
} as const satisfies OptionDefinitions;

const parse = (
  args: readonly string[],
  environment: Environment = {},
  inputs?: { readonly name: string; readonly describe: string },
) =>
  parseArguments(
    {
      name: 'program',
      version: '1.2.3',
      summary: 'Does it.',
      options,
      examples: [['$0 -n 5', 'five of them']],
      ...(inputs && { inputs }),
    },
    args,
    environment,
    (path) => path,
  );

async function valuesOf(args: readonly string[], environment?: Environment) {
  const parsed = await parse(args, environment);
  return parsed.kind === 'values' ? parsed.values : expect.fail(`text instead of values: ${parsed.text}`);
}

async function textOf(args: readonly string[]): Promise<string> {
  const parsed = await parse(args);
  return parsed.kind === 'text' ? parsed.text : expect.fail('values instead of a text');
}

describe('what is understood', () => {
  test.each([
    [['-n', '5'], { 'num-messages': 5 }],
    [['-n', '5', '-n', '7'], { 'num-messages': 7 }],
    [['-n2'], { 'num-messages': 2 }],
    [['-n=2'], { 'num-messages': 2 }],
    [['-num-messages', '2'], { 'num-messages': 2 }],
    [['-n', '1', '-a-1'], { acks: '-1' }],
    [['-n', '1', '--seed', '-.5'], { seed: '-.5' }],
    [['-n', '1', '--seed', '-'], { seed: '-' }],
    [['-n', '1', '--seed='], { seed: '' }],
    [['-n', '1', '--encoding', 'jpg'], { encoding: 'jpeg' }],
    [['-n', '1', '--encoding', 'jpeg'], { encoding: 'jpeg' }],
    [['--num-messages=3'], { 'num-messages': 3 }],
    [['--num_messages', '3'], { 'num-messages': 3 }],
    [['--num_messages=3'], { 'num-messages': 3 }],
    [['-n', '1', '-bs', 'a:1'], { 'bootstrap-servers': 'a:1' }],
    [['-n', '1', '-mrs', '5'], { 'max-request-size': '5' }],
    [['-n', '1', '-a', '-1'], { acks: '-1' }],
    [['-n', '1', '--pattern', 'bars'], { pattern: 'bars' }],
    [['-n', '1'], { pattern: 'noise', topic: 'data-stream' }],
    [['-n', '1', '-X', 'a=b_c', '-Xd=e,f'], { X: ['a=b_c', 'd=e,f'] }],
    [['-n', '1', '--seed=--odd_text=1'], { seed: '--odd_text=1' }],
  ])('%j', async (args, values) => {
    expect(await valuesOf(args)).toMatchObject(values);
  });
});

test('what stands behind -- stays as it was typed', async () => {
  const args = ['-n', '1', '--', '--my_photo.png', '--quiet', '-t', 'False'];
  const parsed = await parse(args, {}, { name: 'files', describe: 'files' });
  expect(parsed).toMatchObject({ inputs: args.slice(3), values: { topic: 'data-stream' } });
});

describe('booleans', () => {
  test.each([
    [['--enable_auto_commit'], true],
    [['--enable-auto-commit', '--quiet'], true],
    [['-eac', 'True'], true],
    [['-eac=False'], false],
    [['-eac', 'true'], true],
    [['--enable_auto_commit', 'False'], false],
    [['--enable_auto_commit=False'], false],
    [['--enable-auto-commit=true'], true],
    [['-eac', '-eac=false'], false],
  ])('%j', async (args, value) => {
    expect(await valuesOf(['-n', '1', ...args])).toMatchObject({ 'enable-auto-commit': value });
  });
});

describe('text stays as it was typed', () => {
  test.each([
    [['--seed', '007'], { seed: '007' }],
    [['--customer-id', '1e3'], { 'customer-id': '1e3' }],
    [['-cid', '0x10'], { 'customer-id': '0x10' }],
    [['-t', '123'], { topic: '123' }],
    [['-t', '1.0'], { topic: '1.0' }],
    [['--seed', 'True'], { seed: 'True' }],
    [['--seed', '12345678901234567890'], { seed: '12345678901234567890' }],
    [['--seed', ' "quoted" '], { seed: ' "quoted" ' }],
  ])('%j', async (args, values) => {
    expect(await valuesOf(['-n', '1', ...args])).toMatchObject(values);
  });
});

describe('the environment', () => {
  test.each<[string, string[], Environment, Record<string, unknown>]>([
    ['counts', [], { IMAGE_STREAM_NUM_MESSAGES: '3' }, { 'num-messages': 3 }],
    [
      'gives way to a flag',
      ['--num_messages', '5'],
      { IMAGE_STREAM_NUM_MESSAGES: '3' },
      { 'num-messages': 5 },
    ],
    ['gives way to a short flag', ['-n', '5'], { IMAGE_STREAM_NUM_MESSAGES: 'x' }, { 'num-messages': 5 }],
    ['stands before a default', ['-n', '1'], { IMAGE_STREAM_TOPIC: 'other' }, { topic: 'other' }],
    [
      'has booleans',
      ['-n', '1'],
      { IMAGE_STREAM_ENABLE_AUTO_COMMIT: 'True' },
      { 'enable-auto-commit': true },
    ],
    [
      'gives way to a boolean',
      ['-n', '1', '--quiet=false'],
      { IMAGE_STREAM_QUIET: 'true' },
      { quiet: false },
    ],
    ['keeps text', ['-n', '1'], { IMAGE_STREAM_SEED: '007' }, { seed: '007' }],
    ['takes negative numbers', ['-n', '1'], { IMAGE_STREAM_ACKS: '-1' }, { acks: '-1' }],
    ['does not count where empty', ['-n', '1'], { IMAGE_STREAM_TOPIC: '' }, { topic: 'data-stream' }],
    [
      'may hold what another program reads',
      ['-n', '1'],
      { IMAGE_STREAM_LIBRARY: 'x', IMAGE_STREAM_SAVE_AS: 'png' },
      { 'num-messages': 1 },
    ],
    [
      'may hold one property; flags add theirs',
      ['-n', '1', '-X', 'c=d'],
      { IMAGE_STREAM_X: 'a=b' },
      { X: ['a=b', 'c=d'] },
    ],
  ])('%s', async (_name, args, environment, values) => {
    expect(await valuesOf(args, environment)).toMatchObject(values);
  });

  test.each([
    ['behind the end of the options', ['-n', '1', '--', '--topic']],
    ['as the value of another option', ['-n', '1', '--seed=--topic']],
  ])('counts where the name of an option stands %s', async (_case, args) => {
    const parsed = await parse(args, { IMAGE_STREAM_TOPIC: 'other' }, { name: 'files', describe: 'files' });
    expect(parsed).toMatchObject({ values: { topic: 'other' } });
  });

  test('leaves no trace of what is not an option', async () => {
    expect(await valuesOf(['-n', '1'], { IMAGE_STREAM_LIBRARY: 'x' })).not.toHaveProperty('library');
  });
});

describe('what is refused, in one line', () => {
  test.each<[string[], string, Environment?]>([
    [[], '--num-messages is required'],
    [['-n'], '--num-messages needs a value'],
    [['--num_messages'], '--num-messages needs a value'],
    [
      ['-n', '--seed', '1'],
      "--num-messages needs a value; for the value '--seed', write --num-messages=--seed",
    ],
    [['-n', ''], "--num-messages must be a whole number, 1 or more, not ''"],
    [['-n', '0'], "--num-messages must be a whole number, 1 or more, not '0'"],
    [['-n', '-1'], "--num-messages must be a whole number, 1 or more, not '-1'"],
    [['-n', 'x'], "--num-messages must be a whole number, 1 or more, not 'x'"],
    [['-n', '7', '-n', 'x'], "--num-messages must be a whole number, 1 or more, not 'x'"],
    [['-n', '1', '--unknown', '1'], 'unknown option --unknown'],
    [['-n', '1', '-k'], 'unknown option -k'],
    [['--num_mesages', '1'], 'unknown option --num_mesages; did you mean --num-messages?'],
    [
      ['-n', '1', '--bootstrap-server', 'a:1'],
      'unknown option --bootstrap-server; did you mean --bootstrap-servers?',
    ],
    [['-n', '1', '--no-quiet'], 'unknown option --no-quiet; did you mean --quiet=false?'],
    [['-n', '1', '--no-seed'], 'unknown option --no-seed'],
    [['--num-mess', '1'], 'unknown option --num-mess; did you mean --num-messages?'],
    [['-n', '1', '--m', '1'], 'unknown option --m'],
    [['-n', '1', '-tscans'], 'unknown option -tscans; did you mean -t scans?'],
    [['-nx'], 'unknown option -nx; did you mean -n x?'],
    [['-n', '1', '--seed', '-x'], "--seed needs a value; for the value '-x', write --seed=-x"],
    [['-n', '1', '--seed', '--'], "--seed needs a value; for the value '--', write --seed=--"],
    [['-n', '1', '--seed.x', '1'], 'unknown option --seed.x; did you mean --seed?'],
    [['-n', '1', 'extra'], "unexpected argument 'extra'; only options are accepted"],
    [['-n', '1', '--', 'extra'], "unexpected argument 'extra'; only options are accepted"],
    [['-n', '1', 'completion'], "unexpected argument 'completion'; only options are accepted"],
    [['-n', '1', '--pattern', 'nothing'], "--pattern must be one of noise, bars, not 'nothing'"],
    [['-n', '1', '--pattern'], '--pattern needs a value'],
    [['-n', '1', '--quiet=maybe'], "--quiet must be true or false, not 'maybe'"],
    [['-n', '1', '--quiet', 'nonsense'], "unexpected argument 'nonsense'; only options are accepted"],
    [['-n', '1', '-X'], '-X needs a value'],
    [['-n', '1', '-cid', ''], '--customer-id must not be empty'],
    [
      [],
      "IMAGE_STREAM_NUM_MESSAGES: --num-messages must be a whole number, 1 or more, not 'x'",
      { IMAGE_STREAM_NUM_MESSAGES: 'x' },
    ],
    [
      ['-n', '1'],
      "IMAGE_STREAM_PATTERN: --pattern must be one of noise, bars, not 'x'",
      { IMAGE_STREAM_PATTERN: 'x' },
    ],
    [['-n', '1'], "IMAGE_STREAM_QUIET: --quiet must be true or false, not '1'", { IMAGE_STREAM_QUIET: '1' }],
    [
      ['-n', 'y'],
      "--num-messages must be a whole number, 1 or more, not 'y'",
      { IMAGE_STREAM_NUM_MESSAGES: 'x' },
    ],
  ])('%j', async (args, message, environment = {}) => {
    await expect(parse(args, environment)).rejects.toMatchObject({ name: 'UsageError', message });
  });
});

describe('texts', () => {
  test('the help shows options as they are typed, groups and examples, and no required option is missed', async () => {
    const help = await textOf(['--help']);
    expect(help).toMatch(/^Does it\.\n\nUsage: program \[options\]\n/);
    expect(help).toMatch(/^ {2}-cid, --customer-id +Whose images$/m);
    expect(help).toMatch(/^Kafka:\n {2}-bs, --bootstrap-servers {2}Brokers$/m);
    expect(help).toMatch(/^ {6}--pattern +\[choices: noise, bars\] \[default: noise\]$/m);
    expect(help).toMatch(/^ {2}-X$/m);
    expect(help).toMatch(/^ {2}-h, --help +Show this help$/m);
    expect(help).toMatch(/^ {2}program -n 5 +five of them$/m);
  });

  test.each([['-h'], ['--help'], ['--nonsense', '-h'], ['-n', 'x', '--help'], ['extra', '-v', '-h']])(
    '%s %s asks for the help, whatever else is wrong',
    async (...args) => {
      expect(await textOf(args)).toMatch(/^Does it/);
    },
  );

  test.each(['-v', '--version'])('%s: the version', async (option) => {
    expect(await textOf([option])).toBe('1.2.3');
  });

  test('behind -- there is no help', async () => {
    const parsed = await parse(['-n', '1', '--', '--help'], {}, { name: 'files', describe: 'files' });
    expect(parsed).toMatchObject({ inputs: ['--help'] });
  });

  test.each([
    [['completion', 'bash'], {}, /^complete .* program$/m],
    [['completion', 'zsh'], {}, /^compdef _program program$/m],
    [['completion', 'fish'], {}, /^complete -c program -a /m],
    [['completion'], { SHELL: '/usr/bin/fish' }, /^complete -c program -a /m],
    [['completion'], {}, /^complete .* program$/m],
  ])('%j with %j: the completion script', async (args, environment, script) => {
    const parsed = await parse(args, environment);
    expect(parsed.kind === 'text' && parsed.text).toMatch(script);
  });

  test('completions: options without their short forms, and the values of choices', async () => {
    const completions = async (...words: string[]) => (await textOf(['--completions', ...words])).split('\n');
    expect(await completions('--')).toEqual(expect.arrayContaining(['--customer-id', '-X', '--help']));
    expect(await completions('--')).not.toContain('-cid');
    expect(await completions('')).toEqual(expect.arrayContaining(['completion', '--customer-id']));
    expect(await completions('--pattern', '')).toEqual(['noise', 'bars']);
    expect(await completions('--seed', '')).toEqual(['']);
    expect(await completions('--quiet', '')).toContain('--seed');
  });
});
