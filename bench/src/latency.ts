import { rmSync, statSync } from 'node:fs';
import { parse } from 'node:path';
import type { Bench } from './bench.ts';
import { prepare, savedFiles } from './compare.ts';
import { application, confluent, imageStream } from './contenders.ts';
import type { Contender } from './contenders.ts';
import { messageOf, run } from './measure.ts';

/** Milliseconds from the creation of each image until its file had its name. */
export interface Latency {
  readonly contender: Contender;
  readonly milliseconds: number[];
  /** Why there are none. */
  readonly failure: string | undefined;
}

type Row = Latency & { failure: string | undefined };

/** Images a second; slow enough for most to keep up. */
export const latencyRate = 5;

const imagesOfRound = 50;

/** Noise at a fixed rate, from a producer to a consumer that waits for it. */
export async function measureLatency(bench: Bench): Promise<Latency[]> {
  const rows: Row[] = [imageStream('image-stream'), application, confluent].map((contender) => ({
    contender,
    milliseconds: [],
    failure: contender.needs === 'nothing' ? undefined : bench.missing[contender.needs],
  }));
  for (let round = 1; round <= bench.rounds; round++) {
    for (const row of rows.filter(({ failure }) => failure === undefined)) {
      bench.report(`latency, round ${round} of ${bench.rounds}: ${row.contender.name}`);
      try {
        row.milliseconds.push(...(await oneRun(bench, row.contender)));
      } catch (error) {
        row.failure = messageOf(error);
      }
    }
  }
  return rows;
}

async function oneRun(bench: Bench, contender: Contender): Promise<number[]> {
  const count = Math.ceil(imagesOfRound * (contender.share ?? 1) * bench.scale);
  const job = await prepare(bench, {}, count);
  const consumed = run(contender.consume(job, bench.tools));
  // A failure is met where `consumed` is awaited.
  await Promise.race([bench.broker.untilStable(job.group, 1), consumed]).catch(() => {});
  await Promise.all([run(contender.produce({ ...job, rate: latencyRate }, bench.tools)), consumed]);
  const created = await creationTimes(bench, job.topic);
  await bench.broker.deleteTopic(job.topic);
  // Linking or renaming the synced file to its name is the last change of it.
  const delays = savedFiles(job.output).map(
    (file) => statSync(file).ctimeMs - created.get(parse(file).name)!,
  );
  rmSync(job.output, { recursive: true });
  return delays;
}

/** By image id, milliseconds since 1970, as the records say it. */
async function creationTimes(bench: Bench, topic: string): Promise<Map<string, number>> {
  const records = await bench.broker.recordsOf(topic);
  return new Map(
    records.map(({ headers, value }) => {
      const { ce_id: id, ce_time: time } = headers!;
      if (id !== undefined) {
        return [parse(String(id)).name, Date.parse(String(time))];
      }
      const message = JSON.parse(String(value)) as { array_id: string; creation_time: number };
      return [message.array_id, message.creation_time * 1000];
    }),
  );
}
