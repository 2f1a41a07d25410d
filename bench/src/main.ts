// Runs this project and its alternatives side by side, and writes what was measured to RESULTS.md.
//
//   pnpm bench [--rounds N] [--only WORKLOAD] [--quick] [--without-peers] [--output FILE]
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';
import { startBroker } from './broker.ts';
import { compare } from './compare.ts';
import { openCorpora } from './corpus.ts';
import { describeMachine, missing } from './machine.ts';
import { preparePython } from './python.ts';
import { comparisonSection, table } from './report.ts';
import { workloads } from './workloads.ts';

const { values } = parseArgs({
  args: process.argv.slice(2).filter((arg) => arg !== '--'),
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    output: { type: 'string', default: fileURLToPath(new URL('../RESULTS.md', import.meta.url)) },
  },
});

const cache = fileURLToPath(new URL('../.cache', import.meta.url));
const workFolder = join(cache, 'work');
rmSync(workFolder, { recursive: true, force: true });
mkdirSync(workFolder, { recursive: true });

const prepared = await preparePython(cache);
const python = 'python' in prepared ? prepared.python : undefined;
const machine = describeMachine(workFolder, python);
const broker = await startBroker(join(workFolder, 'broker'));
const bench: Bench = {
  broker,
  rounds: Number(values.rounds),
  scale: values.quick ? 0.1 : 1,
  tools: { python: python ?? '', kcat: 'kcat' },
  missing: {
    ...('missing' in prepared && { python: prepared.missing }),
    ...(missing('kcat', '-V') !== undefined && { kcat: 'kcat is not installed' }),
  },
  folderOf: openCorpora(cache, python ?? ''),
  workFolder,
  report: console.error,
};

const sections = [`# Results`, table(['', ''], machine)];
try {
  for (const workload of workloads.filter(({ name }) => values.only === undefined || values.only === name)) {
    const section = comparisonSection(await compare(bench, workload));
    console.log(`${section}\n`);
    sections.push(section);
  }
} finally {
  await broker.stop();
  rmSync(workFolder, { recursive: true, force: true });
}
writeFileSync(values.output, `${sections.join('\n\n')}\n`);
