import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { start } from './programs.test-support.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** The entries of a folder; of `src`, with those of its folders. */
const list = (path: string): string[] =>
  readdirSync(new URL(`../../${path}`, import.meta.url), {
    recursive: path.endsWith('/src'),
    encoding: 'utf8',
  });

/** The part of a document below a heading, up to the next one. */
function section(document: string, heading: string): string {
  const [, after = ''] = read(document).split(`\n${heading}\n`);
  return after.split(/\n##/)[0]!;
}

describe('the tables of options in README.md', () => {
  test.each([
    ['producer', 20],
    ['consumer', 20],
    ['gallery', 15],
  ] as const)('name exactly those of %s --help, with their short forms', async (name, least) => {
    const { stdout } = await start(name, ['--help']).ended;
    // `  -bs, --bootstrap-servers  ...` and `      --seed  ...`, or `  -X  ...`
    const offered = [...stdout.matchAll(/^ +(?:(-\w+), )?(--[\w-]+|-X)(?= )/gm)]
      .map(([, short = '', long]) => `${long} ${short}`)
      .filter((option) => !/^--(help|version) /.test(option));
    const rows = section('README.md', `### Options of the ${name}`).matchAll(
      /^\| `(-[^`]+)` +\|(?: `([^`]+)`)? +\|/gm,
    );
    const documented = [...rows].map(([, long, short = '']) => `${long} ${short}`);

    expect(offered.length).toBeGreaterThan(least);
    expect(documented.toSorted()).toEqual(offered.toSorted());
  });
});

/** Every code that an error of ours has, by the name of its class. */
function codesInSource(): Record<string, string[]> {
  const sources = ['packages', 'apps'].flatMap((folder) =>
    list(folder)
      .flatMap((name) => list(`${folder}/${name}/src`).map((path) => `${folder}/${name}/src/${path}`))
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
      .map(read),
  );
  const unions = sources.flatMap((text) => [...text.matchAll(/export type (\w+)Code =([^;]+);/g)]);
  const constants = sources.flatMap((text) => [
    ...text.matchAll(/class (\w+) extends Error \{[^}]*?readonly code = ('[A-Z_]+');/g),
  ]);
  return Object.fromEntries(
    [...unions, ...constants].map(([, name, codes]) => [
      name!,
      [...codes!.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code!).toSorted(),
    ]),
  );
}

test('docs/OPERATIONS.md explains the codes of all errors, and no others', () => {
  const sections = read('docs/OPERATIONS.md')
    .split(/\n###? /)
    .filter((text) => /^\w+Error\n/.test(text));
  const documented = sections.map((text) => [
    text.split('\n')[0]!,
    [...text.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, code]) => code!).toSorted(),
  ]);
  const inSource = codesInSource();

  expect(Object.keys(inSource)).toContain('CodecError');
  expect(Object.fromEntries(documented)).toEqual(inSource);
});

/** The files and folders that the file map of docs/DESIGN.md names, by the folders that it details. */
function fileMap(): Record<string, string[]> {
  const [, map = ''] = section('docs/DESIGN.md', '## File map').split('```\n');
  const named = new Map<string, Set<string>>();
  let [top, folder] = ['', ''];
  for (const line of map.split('\n')) {
    const [, indent, first, rest] = /^( *)(\S*)(.*)$/.exec(line)!;
    if (indent === '') {
      top = first!;
      continue;
    }
    // `  peek/    the command peek: options.ts ...`: what follows is in that folder, until a line of two spaces again.
    const isFolder = indent!.length === 2 && first!.endsWith('/');
    if (indent!.length === 2) {
      folder = isFolder ? `${top}/${first!.slice(0, -1)}` : top;
    }
    if (isFolder) {
      note(top, first!);
    }
    for (const [name] of (isFolder ? rest! : line).matchAll(/[\w-]+(?:\.ts|\.mjs|\/(?= ))/g)) {
      note(folder, name);
    }
  }
  return Object.fromEntries([...named].map(([name, names]) => [name, [...names].toSorted()]));

  function note(inFolder: string, name: string): void {
    named.set(inFolder, (named.get(inFolder) ?? new Set()).add(name));
  }
}

/** What a folder has: its folders, and its source files without those of tests. */
function sourcesOf(folder: string): string[] {
  return readdirSync(new URL(`../../${folder}`, import.meta.url), { withFileTypes: true })
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .filter((name) => /(\.ts|\.mjs|\/)$/.test(name) && !/\.test(-support)?\.ts$/.test(name))
    .toSorted();
}

test('the file map of docs/DESIGN.md names the files that there are, and no others', () => {
  const documented = fileMap();
  const detailed = Object.keys(documented);

  expect(detailed).toEqual(
    expect.arrayContaining([...list('apps').map((name) => `apps/${name}/src`), 'bench/src', 'scripts']),
  );
  expect(documented).toEqual(Object.fromEntries(detailed.map((folder) => [folder, sourcesOf(folder)])));
});
