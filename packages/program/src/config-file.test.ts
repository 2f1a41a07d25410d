import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseArguments } from './arguments.ts';
import type { OptionDefinitions } from './command-line.ts';
import type { Environment } from './sources.ts';
import { outputOptions } from './program.ts';
import { integer } from './values.ts';

const text = { type: 'string' } as const;
const options = {
  topic: { ...text, alias: ['t', 'name'], default: 'data-stream' },
  'num-messages': { ...text, alias: 'n', demandOption: true, coerce: integer('--num-messages', 1) },
  recursive: { type: 'boolean' },
  X: { type: 'array' },
  ...outputOptions,
} as const satisfies OptionDefinitions;

/** Parses with a config file of this content; `FILE` in the arguments and the environment stands for it. */
async function parse(
  content: string,
  args: readonly string[] = ['--config', 'FILE'],
  environment: Environment = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'config-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'FILE'), content);
  const otherOptions = { 'save-as': text };
  const commandLine = { name: 'program', version: '1', summary: '', options, examples: [], otherOptions };
  const parsed = await parseArguments(commandLine, args, environment, (path) => join(folder, path));
  return parsed.kind === 'values' ? parsed : expect.fail(parsed.text);
}

const valuesOf = async (...args: Parameters<typeof parse>) => (await parse(...args)).values;

test('a second name is as good, wherever it stands, and short forms only on the command line', async () => {
  const topicOf = async (...args: Parameters<typeof parse>) => (await valuesOf(...args)).topic;
  const rest = ['-n', '1', '--config', 'FILE'];
  expect(await topicOf('name: filed\n', rest)).toBe('filed');
  expect(await topicOf('name: filed\n', rest, { IMAGE_STREAM_NAME: 'set' })).toBe('set');
  expect(await topicOf('name: filed\n', [...rest, '--name', 'typed'], { IMAGE_STREAM_TOPIC: 'set' })).toBe(
    'typed',
  );
  await expect(topicOf('t: filed\n', rest)).rejects.toThrow("unknown option 't'");
});

describe('a file of options', () => {
  test.each([
    ['YAML', 'topic: scans\nnum-messages: 5 # five\nrecursive: true\nX: [a=1, b=2]\n'],
    ['JSON', '{ "topic": "scans", "num-messages": 5, "recursive": true, "X": ["a=1", "b=2"] }'],
    ['with underscores', 'topic: scans\nnum_messages: 5\nrecursive: True\nX:\n  - a=1\n  - b=2\n'],
  ])('in %s', async (_form, content) => {
    expect(await valuesOf(content)).toMatchObject({
      topic: 'scans',
      'num-messages': 5,
      recursive: true,
      X: ['a=1', 'b=2'],
    });
  });

  test('values stay text until their option reads them', async () => {
    expect(await valuesOf('topic: 007\nnum-messages: 5')).toMatchObject({ topic: '007' });
    expect(await valuesOf('topic: 2026-11-24\nnum-messages: 5')).toMatchObject({ topic: '2026-11-24' });
  });

  test('may hold options of another command of the program', async () => {
    expect(await valuesOf('save-as: png\nnum-messages: 5')).not.toHaveProperty('save-as');
  });
});

describe('what is stronger', () => {
  const content = 'topic: from-file\nnum-messages: 5\nX: a=1';

  test('the file than a default, the environment than the file, what is typed than all', async () => {
    const environment = { IMAGE_STREAM_TOPIC: 'from-environment', IMAGE_STREAM_CONFIG: 'FILE' };
    expect(await valuesOf(content, ['--config=FILE'])).toMatchObject({ topic: 'from-file' });
    expect(await valuesOf(content, [], environment)).toMatchObject({
      topic: 'from-environment',
      'num-messages': 5,
    });
    expect(await valuesOf(content, ['-t', 'typed'], environment)).toMatchObject({ topic: 'typed' });
  });

  test('of an option that adds up, all values count', async () => {
    const environment = { IMAGE_STREAM_X: 'b=2' };
    expect(await valuesOf(content, ['--config', 'FILE', '-X', 'c=3'], environment)).toMatchObject({
      X: ['a=1', 'b=2', 'c=3'],
    });
  });

  test('whoever asks is told what was said where, however equal the texts are', async () => {
    const args = ['--config', 'FILE', '-n', '5', '-n', '5', '-X', 'a=1'];
    const { given } = await parse(content, args, { IMAGE_STREAM_X: 'a=1', IMAGE_STREAM_NUM_MESSAGES: '5' });
    const file = { source: 'config file', origin: 'FILE' };
    const typed = { source: 'command line', origin: '-X' };
    expect(given('topic')).toEqual([{ ...file, text: 'from-file' }]);
    expect(given('num-messages')).toEqual([{ ...typed, origin: '--num-messages', text: '5' }]);
    expect(given('X')).toEqual([
      { ...file, text: 'a=1' },
      { source: 'environment', origin: 'IMAGE_STREAM_X', text: 'a=1' },
      { ...typed, text: 'a=1' },
    ]);
    expect([given('quiet'), given('save-as')]).toEqual([[], []]);
  });
});

describe('what is refused', () => {
  test.each([
    ['num_mesages: 5', "FILE: unknown option 'num_mesages'; did you mean num-messages?"],
    ['colour: red', "FILE: unknown option 'colour'"],
    ['config: other', "FILE: unknown option 'config'"],
    ['num-messages: 0', "FILE: --num-messages must be a whole number, 1 or more, not '0'"],
    ['num-messages: 1\nrecursive: perhaps', "FILE: --recursive must be true or false, not 'perhaps'"],
    ['topic: [a, b]', 'FILE: topic must have one value, not ["a","b"]'],
    ['topic:', 'FILE: topic must have one value, not ""'],
    ['- topic', "--config FILE must hold options with their values, such as 'topic: scans'"],
    ['topic: [', /^--config FILE cannot be read: .+$/],
  ])('%s', async (content, message) => {
    await expect(parse(content)).rejects.toThrow(message);
  });

  test('a name of a file that is missing, before what follows is taken for it', async () => {
    await expect(parse('', ['--config', '--quiet'])).rejects.toThrow(/^--config needs a value/);
  });

  test('a file that is not there', async () => {
    await expect(parse('', ['--config', 'nowhere'])).rejects.toThrow(
      /^--config nowhere cannot be read: ENOENT/,
    );
  });
});
