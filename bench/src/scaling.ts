import { randomUUID } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './bench.ts';
import { prepare, savedFiles } from './compare.ts';
import { imageStream } from './contenders.ts';
import type { Job } from './contenders.ts';
import { run } from './measure.ts';

/** Images a second of so many consumers together. */
export interface Scaling {
  readonly consumers: number;
  readonly imagesPerSecond: number[];
}

const ours = imageStream('image-stream');
const images = 400;
const partitions = 12;

/** Several consumers of one group on this machine; the images are noise, sent before. */
export async function measureScaling(bench: Bench): Promise<Scaling[]> {
  const job = await prepare(bench, {}, Math.ceil(images * bench.scale), partitions);
  await run(ours.produce(job, bench.tools));
  const rows: Scaling[] = [1, 2, 3, 4].map((consumers) => ({ consumers, imagesPerSecond: [] }));
  for (let round = 1; round <= bench.rounds; round++) {
    for (const { consumers, imagesPerSecond } of rows) {
      bench.report(`scaling, round ${round} of ${bench.rounds}: ${consumers} consumer(s)`);
      imagesPerSecond.push(await rateOf(bench, job, consumers));
    }
  }
  await bench.broker.deleteTopic(job.topic);
  return rows;
}

/** Counted from the moment when all consumers have their partitions. */
async function rateOf(bench: Bench, { servers, topic, count }: Job, consumers: number): Promise<number> {
  const group = randomUUID();
  const output = join(bench.workFolder, group);
  const [program, ...args] = ours.consume(
    { servers, topic, count, input: undefined, group, output },
    bench.tools,
  );
  // The consumers that came first hear of the others at their next heartbeat.
  const options = ['--exit-at-end', '-X', 'heartbeat.interval.ms=200'];
  const ended = Promise.all(
    Array.from({ length: consumers }, () => run([program, ...args.slice(0, -2), ...options])),
  );
  await Promise.race([bench.broker.untilStable(group, consumers), ended]);
  const stable = Date.now();
  await ended;
  const later = savedFiles(output)
    .map((file) => statSync(file).ctimeMs)
    .filter((saved) => saved > stable);
  rmSync(output, { recursive: true });
  return later.length / ((Math.max(...later) - stable) / 1000);
}
