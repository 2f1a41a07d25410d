// Writes docs/options.md from the option definitions of the programs and their commands; with --check, only compares.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { app } from '../rolldown.shared.js';

/** Where the options of each command are defined, in the order of the page. */
const sources = {
  producer: 'apps/producer/src/options.ts',
  'producer doctor': 'apps/producer/src/doctor/options.ts',
  consumer: 'apps/consumer/src/options.ts',
  'consumer verify': 'apps/consumer/src/verify/options.ts',
  'consumer peek': 'apps/consumer/src/peek/options.ts',
  'consumer doctor': 'apps/consumer/src/doctor/options.ts',
  gallery: 'apps/gallery/src/options.ts',
};

const introduction = `# Options

<!-- Written by scripts/options-page.mjs. To change it, change the option definitions and run: corepack pnpm docs:options -->

The options of every program and command, as \`--help\` prints them. [configuration.md](configuration.md) says how to set them in
the environment or in a file, and what the exit codes and the output of \`--json\` mean. All of them also have \`--help\` and
\`--version\`.`;

const root = fileURLToPath(new URL('../', import.meta.url));
const file = join(root, 'docs/options.md');

const page = render(await loadDefinitions());
if (!process.argv.includes('--check')) {
  writeFileSync(file, page);
} else if (readFileSync(file, 'utf8') !== page) {
  console.error('docs/options.md does not match the option definitions; run: corepack pnpm docs:options');
  process.exitCode = 1;
}

/** The options of each command, by its name; from source, so that nothing has to be built first. */
async function loadDefinitions() {
  const { platform, external, resolve } = app();
  const input = Object.fromEntries(Object.entries(sources).map(([name, source]) => [fileName(name), source]));
  const bundle = await rolldown({ cwd: root, input, platform, external, resolve, logLevel: 'silent' });
  const folder = mkdtempSync(join(tmpdir(), 'options-page-'));
  try {
    await bundle.write({ dir: folder, entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' });
    const definitions = Object.keys(sources).map(async (name) => {
      const module = await import(pathToFileURL(join(folder, `${fileName(name)}.mjs`)).href);
      return [name, Object.entries(module).find(([exported]) => /options$/i.test(exported))[1]];
    });
    return Object.fromEntries(await Promise.all(definitions));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function fileName(command) {
  return command.replace(' ', '-');
}

function render(definitions) {
  const all = Object.values(definitions);
  const isShared = ([name, option]) => all.every((options) => options[name] === option);
  const shared = Object.entries(all[0]).filter(isShared);
  const own = Object.entries(definitions).map(([name, options]) =>
    section(
      name,
      Object.entries(options).filter((option) => !isShared(option)),
    ),
  );
  return `${[introduction, section('Every program and command', shared), ...own].join('\n\n')}\n`;
}

/** A heading, and a table for each group of options. */
function section(heading, options) {
  const groups = new Map(options.map(([, { group }]) => [group, []]));
  for (const option of options) {
    groups.get(option[1].group).push(option);
  }
  return [`## ${heading}`, ...[...groups].map(([group, members]) => table(group, members))].join('\n\n');
}

/** A table in Markdown, its columns as wide as the formatter makes them. */
function table(group, options) {
  const rows = [[group.replace(':', ''), 'default', 'meaning'], ...options.map(cells)];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])));
  lines.splice(
    1,
    0,
    widths.map((width) => '-'.repeat(width)),
  );
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function cells([name, option]) {
  const { alias = [], default: value, defaultDescription = '', describe, choices = [] } = option;
  // A short name may have several letters, as in the Python application, but takes one hyphen.
  const names = [alias, name].flat().map((own) => (own.length < 4 ? `-${own}` : `--${own}`));
  const values = choices.map((choice) => `\`${choice}\``).join(', ');
  return [
    names.map((spelled) => `\`${spelled}\``).join(', '),
    value === undefined ? marked(defaultDescription) : `\`${value}\``,
    values === '' ? marked(describe) : `${marked(describe)}. One of ${values}`,
  ];
}

/** What is typed as it is - options, variables, patterns, addresses - in the type of code. */
function marked(text) {
  return text.replace(
    /--[a-z][\w-]*|'[^' ]*[{*][^' ]*'|<\w+>\S*|[a-z]+\.\*|\b[A-Z0-9]+(_[A-Z0-9]+)+\b|\bs3:\/\/[\w/]+|(?<!\S)\/[a-z]+\/?(?!\S)/g,
    '`$&`',
  );
}
