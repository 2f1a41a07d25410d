import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './bench.ts';
import type { Contender, Job } from './contenders.ts';
import { CommandError, measure, messageOf } from './measure.ts';
import type { Command, Usage } from './measure.ts';
import type { Workload } from './workloads.ts';

/** What one side of a contender took in one round. */
export interface Figures {
  /** Without start-up: what more images took beyond a run with one image. */
  readonly imagesPerSecond: number;
  /** Without start-up. */
  readonly cpuMsPerImage: number;
  readonly peakBytes: number;
  /** All of a run with one image: start-up, the image, the end. */
  readonly firstImageSeconds: number;
}

/** All rounds of a contender. */
export interface Row {
  readonly contender: Contender;
  readonly images: number;
  readonly wireBytesPerImage: number;
  readonly produce: readonly Figures[];
  readonly consume: readonly Figures[];
  /** Why there are no more rounds. */
  readonly failure: string | undefined;
}

/** The rows of one workload. */
export interface Comparison {
  readonly workload: Workload;
  readonly rows: readonly Row[];
}

/**
 * Runs the contenders of a workload one after the other, as often as there are rounds. Another one begins each round: servers are
 * cold at first.
 */
export async function compare(bench: Bench, workload: Workload): Promise<Comparison> {
  const rows = workload.contenders.map((contender) => emptyRow(bench, workload, contender));
  for (let round = 1; round <= bench.rounds; round++) {
    const first = (round - 1) % rows.length;
    const inTurn = [...rows.slice(first), ...rows.slice(0, first)];
    for (const row of inTurn.filter(({ failure }) => failure === undefined)) {
      bench.report(`${workload.name}, round ${round} of ${bench.rounds}: ${row.contender.name}`);
      await runOnce(bench, workload, row);
    }
  }
  return { workload, rows };
}

interface OpenRow extends Row {
  wireBytesPerImage: number;
  produce: Figures[];
  consume: Figures[];
  failure: string | undefined;
}

function emptyRow(bench: Bench, workload: Workload, contender: Contender): OpenRow {
  const images = Math.ceil(workload.images * (contender.share ?? 1) * bench.scale);
  return {
    contender,
    // With two there is something to take the run with one image from.
    images: Math.max(2, images),
    wireBytesPerImage: Number.NaN,
    produce: [],
    consume: [],
    failure: contender.needs === 'nothing' ? undefined : bench.missing[contender.needs],
  };
}

/** One round: a run with one image, and one with all. */
async function runOnce(bench: Bench, workload: Workload, row: OpenRow): Promise<void> {
  const one = await prepare(bench, workload, 1);
  const all = await prepare(bench, workload, row.images);
  try {
    row.produce.push(await side(bench, row.contender.produce, one, all));
    row.wireBytesPerImage = bench.broker.bytesOf(all.topic) / all.count;
    const received = await side(bench, row.contender.consume, one, all);
    if (row.contender.isSaving !== false) {
      requireImages(all, foldersOf(bench, all), row.contender);
    }
    row.consume.push(received);
  } catch (error) {
    // What fails is not tried again in the next round.
    row.failure = messageOf(error);
  } finally {
    for (const job of [one, all]) {
      await bench.broker.deleteTopic(job.topic);
      rmSync(foldersOf(bench, job), { recursive: true, force: true });
    }
  }
}

/** A job on a topic, with a group and a folder of its own. */
export async function prepare(
  bench: Bench,
  { corpus, isStored }: Pick<Workload, 'corpus' | 'isStored'>,
  count: number,
  partitions?: number,
): Promise<Job> {
  const topic = await bench.broker.createTopic(partitions);
  const output = isStored ? `s3://${bench.store!.bucket}/${topic}` : join(bench.workFolder, topic);
  if (!isStored) {
    mkdirSync(output, { recursive: true });
  }
  return {
    servers: bench.broker.servers,
    topic,
    count,
    input: corpus && bench.folderOf!(corpus, count),
    group: topic,
    output,
  };
}

async function side(
  bench: Bench,
  command: (job: Job, tools: Bench['tools']) => Command,
  one: Job,
  all: Job,
): Promise<Figures> {
  const first = await measureQuietly(command(one, bench.tools));
  const run = await measureQuietly(command(all, bench.tools));
  return figures(first, run, all.count);
}

/** What earlier runs wrote goes to the disk first, not during this one. */
export function measureQuietly(command: Command): Promise<Usage> {
  execFileSync('sync');
  return measure(command);
}

/** @param first a run with one image; what the others took is the rest */
export function figures(first: Usage, run: Usage, count: number): Figures {
  return {
    imagesPerSecond: (count - 1) / (run.seconds - first.seconds),
    cpuMsPerImage: (run.cpuMs - first.cpuMs) / (count - 1),
    peakBytes: run.peakBytes,
    firstImageSeconds: first.seconds,
  };
}

/** Where the files are that were saved; the object store keeps one for each object. */
function foldersOf({ store }: Bench, { output, topic }: Job): string {
  return output.startsWith('s3:') ? join(store!.folder, topic) : output;
}

/** The paths of the images that were saved. */
export function savedFiles(output: string): string[] {
  return readdirSync(output, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('.tmp'))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** A consumer that is fast because it saves less would not be worth a comparison. */
function requireImages(
  { count }: Job,
  folder: string,
  { imagesIn = ({ length }) => length }: Pick<Contender, 'imagesIn'>,
): void {
  const saved = imagesIn(savedFiles(folder));
  if (saved !== count) {
    throw new CommandError(`saved ${saved} of ${count} images`);
  }
}
