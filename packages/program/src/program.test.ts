import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const tester = new URL('./program.test-support.ts', import.meta.url);
const example = new URL('../examples/counter.ts', import.meta.url);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// Signals, exit codes and the two outputs belong to a process, so the program runs as one. Node 20
// reads no TypeScript; compiling takes a moment.
let directory: string;
beforeAll(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'program-')));
  const itself = { name: '@image-stream/program', type: 'module', exports: './src/index.js' };
  writeFileSync(join(directory, 'package.json'), JSON.stringify(itself));
  symlinkSync(here('../node_modules'), join(directory, 'node_modules'));
  const tsc = here('../node_modules/typescript/bin/tsc');
  const compile = '--noEmit false --noCheck --declaration false'.split(' ');
  const folders = ['-p', here('..'), '--rootDir', here('..'), '--outDir', directory];
  const { status, stdout } = spawnSync(process.execPath, [tsc, ...compile, ...folders], { encoding: 'utf8' });
  expect(status, stdout).toBe(0);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Run {
  readonly child: ChildProcess;
  /** Waits until the program has written the text to standard error. */
  readonly until: (text: string) => Promise<void>;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

function start(args: readonly string[], environment: Record<string, string> = {}, program = tester): Run {
  const source = relative(here('..'), fileURLToPath(program));
  const script = join(directory, source.replace(/\.ts$/, '.js'));
  const child = spawn(process.execPath, [script, ...args], {
    cwd: directory,
    env: { IMAGE_STREAM_LOG_FORMAT: 'text', ...environment },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return {
    child,
    async until(text) {
      while (!stderr.includes(text)) {
        const end = ended.then(() => expect.fail(`ended without '${text}': ${stderr}`));
        await Promise.race([once(child.stderr, 'data'), end]);
      }
    },
    ended,
  };
}

const summaryLine = 'tested 1 image: 1 B, 1 B on the wire, 1.0 s, 1 images/s, 1 B/s\n';
const stamp = /\[\d\d:\d\d:\d\d\] /g;

describe('outputs', () => {
  test('the summary goes to stdout, logs to stderr', async () => {
    const { code, stdout, stderr } = await start([]).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: summaryLine });
    expect(stderr.replaceAll(stamp, '')).toBe('INFO: at work\nWARN: a warning\n');
  });

  test('--json: one object is all of stdout', async () => {
    const { code, stdout, stderr } = await start(['--json']).ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(stdout)).toMatchObject({ images: 1, failed: 0, deadLettered: 0 });
    expect(stderr).toContain('INFO: at work');
  });

  test('--quiet: warnings only', async () => {
    const { code, stdout, stderr } = await start(['--quiet']).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr.replaceAll(stamp, '')).toBe('WARN: a warning\n');
  });

  test('--quiet --log-level silent: nothing at all', async () => {
    const ended = await start(['--quiet', '--log-level', 'silent']).ended;
    expect(ended).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('--quiet --json: the object alone', async () => {
    const { stdout } = await start(['--quiet', '--json'], { IMAGE_STREAM_LOG_LEVEL: 'silent' }).ended;
    expect(JSON.parse(stdout)).toMatchObject({ images: 1 });
  });

  test('where nobody sits at a terminal, logs are JSON, and so is the reason for the end', async () => {
    const { code, stderr } = await start(['--ending', 'known'], { IMAGE_STREAM_LOG_FORMAT: '' }).ended;
    const entries = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: number; msg: string });
    expect(code).toBe(1);
    expect(entries.map(({ level, msg }) => [level, msg])).toEqual([
      [30, 'at work'],
      [40, 'a warning'],
      [60, 'the disk is full'],
    ]);
  });

  test.each(['usage', 'known-usage'])('a usage error (%s) is text there, too', async (ending) => {
    const { code, stderr } = await start(['--ending', ending], { IMAGE_STREAM_LOG_FORMAT: '' }).ended;
    expect(code).toBe(2);
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^tester: .+ \(see tester --help\)$/);
  });

  test('--version', async () => {
    expect(await start(['--version']).ended).toEqual({ code: 0, stdout: '1.2.3\n', stderr: '' });
  });
});

describe('exit codes', () => {
  test('1 when something failed, with the summary', async () => {
    const { code, stdout } = await start(['--ending', 'failed']).ended;
    expect(code).toBe(1);
    expect(stdout).toContain('tested 1 image, 2 FAILED: ');
  });

  test.each([
    [
      'a wrong option',
      ['--pth', 'x'],
      2,
      'tester: unknown option --pth; did you mean --path? (see tester --help)\n',
    ],
    [
      'an option that the run finds wrong',
      ['--ending', 'usage'],
      2,
      'tester: --some-option is wrong (see tester --help)\n',
    ],
    [
      'a known error about usage',
      ['--ending', 'known-usage'],
      2,
      'tester: no such property (see tester --help)\n',
    ],
    ['a known error', ['--ending', 'known'], 1, 'tester: the disk is full\n'],
  ])('%s: one line', async (_name, args, code, stderr) => {
    const ended = await start([...args, '--log-level', 'silent']).ended;
    expect(ended).toEqual({ code, stdout: '', stderr });
  });

  test('1 for an unknown error, with its stack', async () => {
    const { code, stdout, stderr } = await start(['--ending', 'unknown', '--log-level', 'silent']).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^tester: TypeError: nobody thought of this\n +at .*run /);
  });
});

describe('a command', () => {
  test.each<[string[], number, string, string]>([
    [['check'], 0, 'checked\n  same\n', ''],
    [['check', '--result', 'different'], 1, 'checked\n  different\n', ''],
    [['check', '--result=different', '--json'], 1, '{"result":"different"}\n', ''],
    [['check', '--quiet'], 0, '', ''],
    [['check', '--result', 'usage'], 2, '', 'tester check: --result is wrong (see tester check --help)\n'],
    [
      ['check', '--resul', 'x'],
      2,
      '',
      'tester check: unknown option --resul; did you mean --result? (see tester check --help)\n',
    ],
    [
      ['chekc'],
      2,
      '',
      "tester: unexpected argument 'chekc'; did you mean tester check? (see tester --help)\n",
    ],
    [
      ['something'],
      2,
      '',
      "tester: unexpected argument 'something'; only options are accepted (see tester --help)\n",
    ],
    [
      ['check', 'completion'],
      2,
      '',
      "tester check: unexpected argument 'completion'; only options are accepted (see tester check --help)\n",
    ],
    [['check', '--version'], 0, '1.2.3\n', ''],
  ])('%j', async (args, code, stdout, stderr) => {
    expect(await start(args).ended).toEqual({ code, stdout, stderr });
  });

  test('stands first: after an option it is an argument too many', async () => {
    const { code, stderr } = await start(['--quiet', 'check']).ended;
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: "tester: unexpected argument 'check'; did you mean tester check? (see tester --help)\n",
    });
  });

  test('takes its options from the environment', async () => {
    const { stdout } = await start(['check'], { IMAGE_STREAM_RESULT: 'different' }).ended;
    expect(stdout).toBe('checked\n  different\n');
  });

  test('is in the help of the program, and has one of its own', async () => {
    expect((await start(['--help']).ended).stdout).toMatch(/^ {2}tester check +Checks what was done\.$/m);
    const { stdout } = await start(['check', '--help']).ended;
    expect(stdout).toMatch(/^Checks what was done\.\n\nUsage: tester check \[options\]\n/);
    expect(stdout).toMatch(/^ {2}tester check --result different\n +finds a difference$/m);
    expect(stdout).not.toMatch(/Commands:|--ending/);
  });

  test('is completed, with its options and their values', async () => {
    const completions = async (...words: string[]): Promise<string[]> =>
      (await start(['--completions', ...words]).ended).stdout.trimEnd().split('\n');
    expect(await completions('ch')).toContain('check');
    expect(await completions('check', '--re')).toContain('--result');
    expect(await completions('check', '--re')).not.toContain('--ending');
    expect(await completions('check', '--result', '')).toEqual(['same', 'different', 'usage']);
  });
});

describe('signals', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('%s: what has begun is finished', async (name) => {
    const { child, until, ended } = start(['--ending', 'drained']);
    await until('at work');
    child.kill(name);
    const { code, stdout, stderr } = await ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: summaryLine });
    expect(stderr).toContain(`INFO: ${name}: finishing work in progress; repeat to exit at once\n`);
    expect(stderr).toContain('INFO: drained\n');
  });

  test('a second one, later, leaves at once', async () => {
    const { child, until, ended } = start(['--ending', 'stubborn']);
    await until('at work');
    child.kill('SIGTERM');
    await until('still here');
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 130, stdout: '' });
  });
});

describe('paths are meant from where the user stands', () => {
  test.each<[string, Record<string, string>, string, string]>([
    ['without a package manager', {}, 'images', 'WORKING_DIRECTORY/images'],
    [
      'an absolute one',
      { npm_package_name: '@image-stream/run', INIT_CWD: '/home/user' },
      '/images',
      '/images',
    ],
    [
      'in our own script',
      { npm_package_name: '@image-stream/run', INIT_CWD: '/home/user' },
      '../images',
      '/home/images',
    ],
    [
      "in another package's script",
      { npm_package_name: 'other', INIT_CWD: '/home/user' },
      'images',
      'WORKING_DIRECTORY/images',
    ],
  ])('%s', async (_name, environment, path, meant) => {
    const { stderr } = await start(['--path', path], environment).ended;
    expect(stderr).toContain(`INFO: path ${meant.replace('WORKING_DIRECTORY', directory)}\n`);
  });
});

describe('the example', () => {
  test('runs', async () => {
    const { code, stdout, stderr } = await start(['-n', '3'], {}, example).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^counted 3 images: /);
  });

  test('is what the README shows', () => {
    const read = (url: URL): string => readFileSync(url, 'utf8');
    expect(read(new URL('../README.md', import.meta.url))).toContain(read(example).trim());
  });
});
