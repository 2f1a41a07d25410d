import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { filesHere } from './file-loader.test-support.ts';
import { countFiles } from './files.ts';
import { inputImages, sourceOf } from './inputs.ts';
import type { SourceContext } from './source.ts';

/** One pixel. */
const picture = Buffer.from('R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==', 'base64');

const onLinux = process.platform === 'linux';

test('a folder gives the files in it, and with --recursive those in its folders; neither links to folders nor hidden files', async () => {
  const { folder, list } = await files('b.png', 'a.png', 'sub/deep/c.png', '.hidden.png', '.git/d.png');
  await symlink(folder, join(folder, 'sub', 'loop'));
  await symlink('a.png', join(folder, 'link.png'));
  expect(await list(['.'])).toEqual(['a.png', 'b.png', 'link.png']);
  expect(await list(['.'], { recursive: true })).toEqual(['a.png', 'b.png', 'link.png', 'sub/deep/c.png']);
  expect(await list([pathToFileURL(folder).href])).toEqual(['a.png', 'b.png', 'link.png']);
});

test('files are counted as they would be sent, unless there are archives among them', async () => {
  const { folder } = await files('b.png', 'a.png', 'c.png~', '.d.png', 'sub/e.png', 'shards/f.tar');
  const count = async (inputs: string[], recursive = false) =>
    countFiles(inputs, { path: (path) => resolve(folder, path), recursive });
  expect(await count(['.'])).toBe(2);
  expect(await count(['.', 'sub', 'a.png', '*.png'])).toBe(6);
  // What cannot be read is an image that failed.
  expect(await count(['a.png', 'nowhere.png'])).toBe(2);
  expect(await count(['.'], true)).toBeUndefined();
  expect(await count(['shards/f.tar'])).toBeUndefined();
});

test('files that are unfinished or backups by their names are left out, and told, unless they are named', async () => {
  const names = [
    'a.jpg',
    'a.jpg~',
    'a.jpg.part',
    'b.PARTIAL',
    'c.jpg.filepart',
    'd.crdownload',
    'e.tmp',
    '.f.jpg.swp',
  ];
  const { list, warnings } = await files(...names);
  expect(await list(['.'])).toEqual(['a.jpg']);
  expect(warnings).toEqual(['.: 6 files skipped, named like unfinished files or backups']);
  expect(await list(['*', 'a.*'])).toEqual(['a.jpg', 'a.jpg']);
  expect(await list(['*.part', 'a.jpg~'])).toEqual(['a.jpg.part', 'a.jpg~']);
});

test('a folder that has nothing but folders, or nothing at all, says so', async () => {
  const { list, warnings } = await files('sub/a.png', 'other/.hidden.png');
  expect(await list(['.'])).toEqual([
    '. was refused: it contains no files, only 2 folders; --recursive includes them',
  ]);
  expect(await list(['other'])).toEqual([]);
  expect(warnings).toEqual(['other: no files to send']);
});

test.each([
  ['*.png', ['a.png']],
  ['**/*.png', ['a.png', 'sub/b.png', 'sub/deep/c.png']],
  ['./sub/*.png', ['sub/b.png']],
  ['sub/**', ['sub/b.png', 'sub/deep/c.png']],
  ['s*/*/*.{png,jpg}', ['sub/deep/c.png']],
  ['{sub/deep,none}/*', ['sub/deep/c.png']],
  ['[ab].png', ['a.png']],
  ['link/*.png', ['link/b.png']],
  ['*/b.png', ['sub/b.png']],
  ['.hid*/*', ['.hidden/d.png']],
  ['*.gif', ['*.gif was refused: no file matches']],
])('the glob %s', async (pattern, expected) => {
  const { folder, list } = await files('a.png', 'sub/b.png', 'sub/deep/c.png', '.hidden/d.png');
  await symlink('sub', join(folder, 'link'));
  expect(await list([pattern])).toEqual(expected);
});

test('a file whose name looks like a glob is that file', async () => {
  const { list } = await files('a[1].png', 'a1.png');
  expect(await list(['a[1].png'])).toEqual(['a[1].png']);
});

test.skipIf(!onLinux)('a name that is not UTF-8 is named as it is', async () => {
  const { folder, list } = await files('a.png');
  await writeFile(Buffer.concat([Buffer.from(`${folder}/b`), Buffer.from([0xff]), Buffer.from('.png')]), '');
  const refusal = `${folder}/b\\xff.png was refused: its name is not UTF-8, so that it cannot be part of an id; rename it`;
  expect(await list(['.'])).toEqual(['a.png', refusal]);
  expect(await list(['*.png'])).toEqual(['a.png', refusal]);
});

test.skipIf(!onLinux)('a backslash is part of a name', async () => {
  const { list } = await files(String.raw`a\b.png`);
  expect(await list(['.'])).toEqual([String.raw`a\b.png`]);
});

test('a path of two dots is not below, and a name that begins with them is', async () => {
  const { folder, list } = await files('..a.png', 'sub/b.png');
  expect(await list(['..a.png', 'sub/../sub/b.png'])).toEqual(['..a.png', 'sub/b.png']);
  expect(await list(['../b.png'], { cwd: join(folder, 'sub', 'deep') })).toEqual([
    join(folder, 'sub', 'b.png'),
  ]);
});

test.each(['gs://bucket/key.png', 'FTP://host/a.png', 'constructor://a'])(
  '%s: no source opens it',
  (input) => {
    expect(() => sourceOf(input)).toThrow(
      /cannot be opened: (gs|ftp|constructor):\/\/ is none of - \(standard input\), file:\/\//,
    );
  },
);

/** A folder with files, and what inputs give that are typed in it: relative paths, or why there is none. */
test.each([
  ['a folder', '.'],
  ['a glob', '**/*.png'],
  ['a file', 'sub/b.png'],
])('a list of %s ends with the signal, and nothing is wrong with it', async (_kind, input) => {
  const { list } = await files('a.png', 'b.png', 'sub/b.png');
  const stopping = new AbortController();
  const given = await list(['a.png', input], {
    recursive: true,
    signal: stopping.signal,
    whenGiven: () => stopping.abort(),
  });
  expect(given).toEqual(['a.png']);
});

test('a list ends in the middle of a folder', async () => {
  const { list } = await files('a.png', 'b.png');
  const stopping = new AbortController();
  expect(await list(['.'], { signal: stopping.signal, whenGiven: () => stopping.abort() })).toEqual([
    'a.png',
  ]);
});

async function files(...names: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'files-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const name of names) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), picture);
  }
  const warnings: string[] = [];
  async function list(
    inputs: readonly string[],
    { recursive = false, cwd = folder, signal = new AbortController().signal, whenGiven = () => {} } = {},
  ): Promise<string[]> {
    const given: string[] = [];
    const context: SourceContext = {
      customerOf(relativePath) {
        throw new Error(relativePath);
      },
      files: filesHere(),
      path: (path) => resolve(cwd, path),
      recursive,
      s3: {},
      incomplete: new Map(),
      sentFiles: () => Promise.reject(new Error('not watched')),
      warn: (message) => void warnings.push(message),
      signal,
    };
    for await (const { name, load } of inputImages(inputs, false, context)) {
      const reason = await load().then(
        () => 'loaded',
        ({ message }: Error) => message,
      );
      // The path that an image would have is what its customer is taken from.
      given.push(name.endsWith(reason) ? reason : `${name} was refused: ${reason}`);
      whenGiven();
    }
    return given;
  }
  return { folder, list, warnings };
}
