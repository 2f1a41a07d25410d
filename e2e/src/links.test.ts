import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import GithubSlugger from 'github-slugger';
import MarkdownIt from 'markdown-it';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
  .split('\0')
  .filter((file) => existsSync(join(root, file)));
const committed = new Set(files.flatMap(withFolders));
const markdown = new MarkdownIt();

test.each(files.filter((file) => file.endsWith('.md')))('what %s links to is there', (file) => {
  expect(linksOf(file).flatMap((link) => problemOf(file, link) ?? [])).toEqual([]);
});

test.each([
  ['nowhere.md', 'no such file'],
  ['docs/DESIGN.md#no-such-heading', 'no such heading'],
  ['node_modules', 'no such file'],
])('a link to %s would be found', (link, problem) => {
  expect(problemOf('README.md', link)).toBe(`${link}: ${problem}`);
});

/** Where a file's links and pictures lead; those to other sites are not looked at. */
function linksOf(file: string): string[] {
  return markdown
    .parse(read(file), {})
    .flatMap(({ children }) => children ?? [])
    .map((token) => String(token.attrGet('href') ?? token.attrGet('src') ?? 'none:'))
    .filter((link) => !/^([a-z][a-z\d+.-]*:|\/\/)/i.test(link));
}

/** What is wrong with a link; undefined where nothing is. */
function problemOf(file: string, link: string): string | undefined {
  const [path = '', anchor] = decodeURIComponent(link).split('#');
  const target = path === '' ? file : normalize(join(dirname(file), path)).replace(/\/$/, '');
  if (!committed.has(target)) {
    return `${link}: no such file`;
  }
  // On npm, a README has nothing but its package around it.
  const home = dirname(file);
  if (isPublished(home) && !target.startsWith(`${home}/`)) {
    return `${link}: leaves a published package`;
  }
  return anchor === undefined || anchorsOf(target).includes(anchor) ? undefined : `${link}: no such heading`;
}

/** The names that GitHub gives to the headings of a file. */
function anchorsOf(file: string): string[] {
  const slugger = new GithubSlugger();
  const tokens = markdown.parse(read(file), {});
  return tokens.flatMap(({ type }, index) => {
    const { children } = tokens[index + 1] ?? {};
    const text = (children ?? []).map(({ content }) => content).join('');
    return type === 'heading_open' ? slugger.slug(text) : [];
  });
}

function isPublished(folder: string): boolean {
  return (
    files.includes(`${folder}/package.json`) && 'publishConfig' in JSON.parse(read(`${folder}/package.json`))
  );
}

function withFolders(file: string): string[] {
  const folder = dirname(file);
  return folder === '.' ? [file] : [file, ...withFolders(folder)];
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}
