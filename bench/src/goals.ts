import type { Comparison, Figures, Row } from './compare.ts';
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

/** The goals, held against medians. */
export function goals(comparisons: readonly Comparison[], help: Startup | undefined): Goal[] {
  const rowsOf = (name: string): readonly Row[] =>
    comparisons.find(({ workload }) => workload.name === name)?.rows ?? [];
  const noise = rowsOf('noise');
  const [ours, pythonJson, ...peers] = noise;
  const patched = rowsOf('records')[0];
  const rate = (row: Row | undefined, side: Side) => median(row, side, 'imagesPerSecond');
  const times = (side: Side): number | undefined => {
    const rates = peers.flatMap((peer) => rate(peer, side) ?? []);
    const own = rate(ours, side);
    return own === undefined || rates.length === 0 ? undefined : own / Math.max(...rates);
  };
  const [objects, boto3, ...alone] = rowsOf('objects');
  const [shards, writer, files] = rowsOf('shards');
  const share = (own: number | undefined, others: readonly (Row | undefined)[]): number | undefined => {
    const rates = others.flatMap((row) => rate(row, 'consume') ?? []);
    return own === undefined || rates.length === 0 ? undefined : own / Math.max(...rates);
  };
  const slowest = help && Math.max(spread(help.producer).median, spread(help.consumer).median);
  return [
    { what: 'send noise, images/s', wanted: 30, measured: rate(ours, 'produce') },
    { what: 'send noise, times the best peer', wanted: 3, measured: times('produce') },
    { what: 'save noise, images/s', wanted: 70, measured: rate(ours, 'consume') },
    { what: 'save noise, times the best peer', wanted: 10, measured: times('consume') },
    { what: 'send noise, CPU ms/image', wanted: 25, measured: cpu(ours, 'produce'), isMost: true },
    { what: 'save noise, CPU ms/image', wanted: 10, measured: cpu(ours, 'consume'), isMost: true },
    { what: 'send records of 6.2 MB, records/s', wanted: 45, measured: rate(patched, 'produce') },
    { what: 'send python-json, images/s', wanted: 15, measured: rate(pythonJson, 'produce') },
    { what: 'save python-json, images/s', wanted: 20, measured: rate(pythonJson, 'consume') },
    {
      what: 'producer with one image, start to end, s',
      wanted: 1.5,
      measured: median(ours, 'produce', 'firstImageSeconds'),
      isMost: true,
    },
    {
      what: 'save objects, share of the rate of the AWS SDK alone',
      wanted: 0.8,
      measured: share(rate(objects, 'consume'), alone),
    },
    { what: 'save objects, times boto3', wanted: 1, measured: share(rate(objects, 'consume'), [boto3]) },
    {
      what: 'save thumbnails in shards, times as files',
      wanted: 5,
      measured: share(rate(shards, 'consume'), [files]),
    },
    {
      what: 'save thumbnails in shards, times ShardWriter',
      wanted: 1,
      measured: share(rate(shards, 'consume'), [writer]),
    },
    { what: '--help, s', wanted: 0.3, measured: slowest, isMost: true },
  ];
}

type Side = 'produce' | 'consume';

const cpu = (row: Row | undefined, side: Side): number | undefined => median(row, side, 'cpuMsPerImage');

function median(row: Row | undefined, side: Side, figure: keyof Figures): number | undefined {
  const figures = row?.[side] ?? [];
  return figures.length === 0 ? undefined : spread(figures.map((round) => round[figure])).median;
}
