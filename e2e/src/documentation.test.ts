import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** The entries of a folder; of `src`, with those of its folders. */
const list = (path: string): string[] =>
  readdirSync(new URL(`../../${path}`, import.meta.url), {
    recursive: path.endsWith('/src'),
    encoding: 'utf8',
  });

test('docs/options.md is what the option definitions say', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/options-page.mjs', '--check'], {
    cwd: root,
    encoding: 'utf8',
  });
  // What is printed names the command that writes the page.
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
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

/** Folders with source of their own, without those that have only tests. */
function sourceFolders(): string[] {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0');
  const sources = files.filter((file) => /^(apps|packages|e2e|bench|scripts)\/.*\.(ts|mjs|py)$/.test(file));
  return [...new Set(sources.map((file) => dirname(file)))]
    .filter((folder) => /(\/src(\/|$)|^scripts$|^bench\/peers$)/.test(folder))
    .toSorted();
}

test('docs/DESIGN.md names each folder with source, and no other', () => {
  const [, after = ''] = read('docs/DESIGN.md').split('\n## Folders\n');
  const documented = [...after.split('\n## ')[0]!.matchAll(/^\| `([^`]+)`/gm)].map(([, folder]) => folder!);

  expect(sourceFolders()).toContain('apps/producer/src/archives');
  expect(documented.toSorted()).toEqual(sourceFolders());
});
