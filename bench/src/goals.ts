import type { Comparison, Figures, Row } from './compare.ts';
import type { Limits } from './limits.ts';
import type { Startup } from './startup.ts';
import { spread } from './statistics.ts';

/** What this project wants to reach, and what was measured; undefined where it was not. */
export interface Goal {
  readonly what: string;
  readonly wanted: number;
  readonly measured: number | undefined;
  /** Whether less is better. Default: more is */
  readonly isMost?: true;
}

type Side = 'produce' | 'consume';

/** The most memory that each may take, in MiB, sending and saving: what it took on 2026-11-26. */
const memory: Readonly<Record<string, readonly [produce: number, consume: number]>> = {
  noise: [305, 168],
  'photographs-npy': [333, 254],
  'screenshots-npy': [309, 227],
  'photographs-jpeg': [151, 128],
  'screenshots-jpeg': [143, 124],
  thumbnails: [136, 155],
};

/** The goals, held against medians; what is held against a peer, by the ratio in each round. */
export function goals(
  comparisons: readonly Comparison[],
  help: Startup | undefined,
  limits: Limits | undefined,
): Goal[] {
  const rowsOf = (name: string): readonly Row[] =>
    comparisons.find(({ workload }) => workload.name === name)?.rows ?? [];
  const peerOf = (rows: readonly Row[]): Row | undefined =>
    rows.find(({ contender }) => contender.name.startsWith('confluent-kafka'));
  const pairOf = (name: string): readonly [Row | undefined, Row | undefined] => {
    const rows = rowsOf(name);
    return [rows[0], peerOf(rows)];
  };

  const jpeg = pairOf('photographs-jpeg');
  const thumbnails = pairOf('thumbnails');
  const photographs = pairOf('photographs-npy');
  const screenshots = pairOf('screenshots-npy');
  const noise = pairOf('noise');
  const asPng = rowsOf('photographs-npy')[1];
  const pythonJson = rowsOf('noise')[1];
  const patched = rowsOf('records')[0];
  const [objects, boto3, ...alone] = rowsOf('objects');
  const [shards, writer, files] = rowsOf('shards');
  const disk = limits && Math.max(limits.filesPerSecond, limits.concurrentFilesPerSecond);
  const noiseSaved = median(noise[0], 'consume', 'imagesPerSecond');

  return [
    atLeast(1.3, 'send JPEG files, times confluent-kafka', times(...jpeg, rateOf('produce'))),
    atLeast(1.3, 'save JPEG files, times confluent-kafka', times(...jpeg, rateOf('consume'))),
    atLeast(0.8, 'send thumbnails, times confluent-kafka', times(...thumbnails, rateOf('produce'))),
    atLeast(1.3, 'save thumbnails, times confluent-kafka', times(...thumbnails, rateOf('consume'))),
    atLeast(
      3,
      'photographs, pixels to PNG, whole way, times confluent-kafka',
      times(...photographs, wholeWay),
    ),
    atLeast(
      3,
      'send photographs as PNG, times confluent-kafka',
      times(asPng, photographs[1], rateOf('produce')),
    ),
    atLeast(
      1.5,
      'screenshots, pixels to PNG, whole way, times confluent-kafka',
      times(...screenshots, wholeWay),
    ),
    atLeast(3, 'send noise, times confluent-kafka', times(...noise, rateOf('produce'))),
    atLeast(1.3, 'save noise, times confluent-kafka', times(...noise, rateOf('consume'))),
    atLeast(
      0.9,
      'or save noise, share of what the disk writes and syncs',
      disk === undefined || noiseSaved === undefined ? undefined : noiseSaved / disk,
    ),
    atLeast(1.5, 'send python-json, times confluent-kafka', times(pythonJson, noise[1], rateOf('produce'))),
    atLeast(1.2, 'save python-json, times confluent-kafka', times(pythonJson, noise[1], rateOf('consume'))),
    atMost(1.5, 'send JPEG files, CPU ms/image', median(jpeg[0], 'produce', 'cpuMsPerImage')),
    atMost(2.3, 'save JPEG files, CPU ms/image', median(jpeg[0], 'consume', 'cpuMsPerImage')),
    atLeast(45, 'send records of 6.2 MB, records/s', median(patched, 'produce', 'imagesPerSecond')),
    atMost(1.5, 'producer with one image, start to end, s', median(noise[0], 'produce', 'firstImageSeconds')),
    atLeast(0.8, 'save objects, share of the rate of the AWS SDK alone', shareOfBest(objects, alone)),
    atLeast(1, 'save objects, times boto3', times(objects, boto3, rateOf('consume'))),
    atLeast(5, 'save thumbnails in shards, times as files', times(shards, files, rateOf('consume'))),
    atLeast(1, 'save thumbnails in shards, times ShardWriter', times(shards, writer, rateOf('consume'))),
    atMost(0.25, '--help, s', help && Math.max(spread(help.producer).median, spread(help.consumer).median)),
    ...Object.entries(memory).flatMap(([name, [produce, consume]]) => [
      atMost(produce, `send ${name}, MiB at most`, peakOf(rowsOf(name)[0], 'produce')),
      atMost(consume, `save ${name}, MiB at most`, peakOf(rowsOf(name)[0], 'consume')),
    ]),
  ];
}

function atLeast(wanted: number, what: string, measured: number | undefined): Goal {
  return { what, wanted, measured };
}

function atMost(wanted: number, what: string, measured: number | undefined): Goal {
  return { what, wanted, measured, isMost: true };
}

/** A figure of one round of a row. */
type OfRound = (row: Row, round: number) => number;

const rateOf =
  (side: Side): OfRound =>
  (row, round) =>
    row[side][round]!.imagesPerSecond;

/** One encodes here, and the other there: what counts is the slower half. */
const wholeWay: OfRound = (row, round) =>
  Math.min(rateOf('produce')(row, round), rateOf('consume')(row, round));

/** The median of how many times as much one is as the other in the same round. */
function times(own: Row | undefined, other: Row | undefined, figure: OfRound): number | undefined {
  const rounds = Math.min(...[own, other].map((row) => row?.consume.length ?? 0));
  if (rounds === 0) {
    return undefined;
  }
  const ratios = Array.from({ length: rounds }, (_, round) => figure(own!, round) / figure(other!, round));
  return spread(ratios).median;
}

/** Against the one of them that is fastest. */
function shareOfBest(own: Row | undefined, others: readonly Row[]): number | undefined {
  const shares = others.flatMap((other) => times(own, other, rateOf('consume')) ?? []);
  return shares.length === 0 ? undefined : Math.min(...shares);
}

function median(row: Row | undefined, side: Side, figure: keyof Figures): number | undefined {
  const figures = row?.[side] ?? [];
  return figures.length === 0 ? undefined : spread(figures.map((round) => round[figure])).median;
}

function peakOf(row: Row | undefined, side: Side): number | undefined {
  const figures = row?.[side] ?? [];
  return figures.length === 0
    ? undefined
    : Math.max(...figures.map(({ peakBytes }) => peakBytes)) / 1024 ** 2;
}
