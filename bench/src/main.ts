// Runs this project and its alternatives side by side, and writes what was measured to RESULTS.md.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startS3 } from '@image-stream/local-s3';
import type { Bench } from './bench.ts';
import { startBroker } from './broker.ts';
import { compare } from './compare.ts';
import type { Comparison } from './compare.ts';
import { openCorpora } from './corpus.ts';
import { measureFlatness } from './flatness.ts';
import { goals } from './goals.ts';
import { measureLatency } from './latency.ts';
import { measureLimits } from './limits.ts';
import { describeMachine, kcatMissing, load } from './machine.ts';
import { readOptions, usage } from './options.ts';
import type { Options } from './options.ts';
import { preparePython } from './python.ts';
import {
  comparisonSection,
  flatnessSection,
  goalsSection,
  introduction,
  latencySection,
  limitsSection,
  machineSection,
  scalingSection,
} from './report.ts';
import { measureScaling } from './scaling.ts';
import { measureHelp } from './startup.ts';
import { workloads } from './workloads.ts';

const cache = fileURLToPath(new URL('../.cache', import.meta.url));
const workFolder = join(cache, `work-${process.pid}`);

// Ends by `exit`, so that what runs ends too.
process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
try {
  const options = readOptions(process.argv.slice(2));
  await (options === 'help' ? console.log(usage) : main(options));
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function main(options: Options): Promise<void> {
  mkdirSync(workFolder, { recursive: true });
  removeAbandoned();
  const python = options.withPeers
    ? await preparePython(cache)
    : { missing: 'left out with --without-peers' };
  const machine = describeMachine(workFolder, 'python' in python ? python.python : undefined);
  machine.push(['load when it began', load()]);
  const broker = await startBroker(join(workFolder, 'broker'));
  const bucket = 'bench';
  const isStored = workloads.some((one) => one.isStored && (options.only ?? one.name) === one.name);
  const s3 = isStored ? await startS3({ buckets: [bucket] }) : undefined;
  Object.assign(process.env, s3?.environment);
  try {
    const bench: Bench = {
      broker,
      rounds: options.rounds,
      scale: options.isQuick ? 0.1 : 1,
      tools: { python: 'python' in python ? python.python : '', kcat: 'kcat' },
      missing: {
        ...('missing' in python && { python: python.missing }),
        ...kcatMissing(options.withPeers),
      },
      folderOf: 'python' in python ? openCorpora(cache, python.python) : undefined,
      workFolder,
      store: s3 && { bucket, folder: join(s3.directory, bucket) },
      report: console.error,
    };
    const sections = await measureAll(bench, options.only);
    machine.push(['load when it ended', load()]);
    const command = `corepack pnpm bench ${process.argv.slice(2).join(' ')}`.trimEnd();
    const text = [introduction(command, options.rounds), machineSection(machine), ...sections].join('\n\n');
    writeFileSync(options.output, `${text}\n`);
    console.log(text);
  } finally {
    await broker.stop();
    await s3?.stop();
    rmSync(workFolder, { recursive: true, force: true });
  }
}

/** Gigabytes of runs that were killed. */
function removeAbandoned(): void {
  for (const name of readdirSync(cache)) {
    const [, pid] = /^work-(\d+)$/.exec(name) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) {
      rmSync(join(cache, name), { recursive: true });
    }
  }
}

/** @param only the name of what is wanted. Default: everything */
async function measureAll(bench: Bench, only: string | undefined): Promise<string[]> {
  const isWanted = (name: string): boolean => only === undefined || only === name;
  const comparisons: Comparison[] = [];
  const others: string[] = [];
  for (const workload of workloads.filter(({ name }) => isWanted(name))) {
    if (workload.corpus === undefined || bench.folderOf !== undefined) {
      comparisons.push(await compare(bench, workload));
    } else {
      others.push(`## ${workload.title}\n\nLeft out: the pictures are made with Python.`);
    }
  }
  if (isWanted('latency')) {
    others.push(latencySection(await measureLatency(bench)));
  }
  if (isWanted('scaling')) {
    others.push(scalingSection(await measureScaling(bench)));
  }
  if (isWanted('flatness') && bench.folderOf !== undefined) {
    others.push(flatnessSection(await measureFlatness(bench)));
  }
  const help = isWanted('limits') ? await measureHelp(bench) : undefined;
  const limits = isWanted('limits') ? await measureLimits(bench.workFolder) : undefined;
  if (limits !== undefined && help !== undefined) {
    others.push(limitsSection(limits, help));
  }
  const reached = goals(comparisons, help, limits).filter(({ measured }) => measured !== undefined);
  return [
    ...(reached.length === 0 ? [] : [goalsSection(reached)]),
    ...comparisons.map(comparisonSection),
    ...others,
  ];
}
