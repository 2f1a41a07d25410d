import type { Comparison, Figures, Row } from './compare.ts';
import type { Flatness } from './flatness.ts';
import type { Goal } from './goals.ts';
import { latencyRate } from './latency.ts';
import type { Latency } from './latency.ts';
import type { Limits } from './limits.ts';
import type { Scaling } from './scaling.ts';
import type { Startup } from './startup.ts';
import { quantile, spread } from './statistics.ts';
import type { Spread } from './statistics.ts';

type Cell = string | number;

/** How to read the report. */
export function introduction(command: string, rounds: number): string {
  return [
    '# Results',
    `Measured by \`${command}\`. [README.md](README.md) says what runs and what each figure means.`,
    `Each figure is the median of ${rounds} round(s), with the least and the most of them in parentheses.`,
    'Where the load when it began is near 1 or more, other work ran too: rates and seconds are then worse than the ' +
      'machine alone would give, and compare badly; bytes and memory hold, and CPU time nearly.',
  ].join('\n\n');
}

/** A table in Markdown. */
function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (row: readonly Cell[]): string => `| ${row.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Digits that matter, and no more. */
function number(value: number): string {
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
    // Start-up varied by more than what the images took.
    return '?';
  }
  return value >= 100 ? value.toFixed(0) : value.toPrecision(value >= 10 ? 3 : 2);
}

/** The median, and the least and the most of all rounds. */
function withSpread({ median, low, high }: Spread): string {
  return low === high ? number(median) : `${number(median)} (${number(low)} to ${number(high)})`;
}

const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(0)} MiB`;

/** Both sides of one workload. */
export function comparisonSection({ workload, rows }: Comparison): string {
  return [
    `## ${workload.title}`,
    'Sending:',
    sideTable(rows, 'produce'),
    'Receiving:',
    sideTable(rows, 'consume'),
    ...wholeWay(rows),
  ].join('\n\n');
}

function wholeWay(rows: readonly Row[]): string[] {
  const rates = rows.flatMap((row) => {
    const [produce, consume] = [row.produce, row.consume].map((figures) =>
      figures.map(({ imagesPerSecond }) => imagesPerSecond),
    );
    const slower = consume!.map((rate, round) => Math.min(rate, produce![round]!));
    return slower.length === 0 ? [] : [{ name: row.contender.name, rate: spread(slower) }];
  });
  const [first] = rates;
  return first === undefined
    ? []
    : [
        'The whole way, which is as fast as its slower half: one encodes where another decodes.',
        table(
          ['', 'images/s', `times as fast: ${first.name}`],
          rates.map(({ name, rate }) => [name, withSpread(rate), number(first.rate.median / rate.median)]),
        ),
      ];
}

function sideTable(rows: readonly Row[], side: 'produce' | 'consume'): string {
  const first = rows[0]!;
  // To receive alone is less work.
  const nameOf = ({ contender }: Row): string =>
    side === 'consume' && contender.isSaving === false && first.contender.isSaving !== false
      ? `${contender.name} (saves nothing)`
      : contender.name;
  const head = [
    'images',
    'images/s',
    `times as fast: ${first.contender.name}`,
    'MB/s',
    'CPU ms/image',
    'bytes/image',
    'peak memory',
    'one image, start to end',
  ];
  return table(
    ['', ...head],
    rows.map((row) => [nameOf(row), ...cells(row, side, spreadOf(first, side, 'imagesPerSecond'))]),
  );
}

function cells(row: Row, side: 'produce' | 'consume', reference: Spread | undefined): Cell[] {
  const rate = spreadOf(row, side, 'imagesPerSecond');
  if (rate === undefined) {
    return [row.images, `cannot: ${row.failure}`, '', '', '', '', '', ''];
  }
  return [
    row.images,
    withSpread(rate),
    reference === undefined ? '' : number(reference.median / rate.median),
    number((rate.median * row.wireBytesPerImage) / 1e6),
    withSpread(spreadOf(row, side, 'cpuMsPerImage')!),
    row.wireBytesPerImage.toFixed(0),
    mebibytes(spreadOf(row, side, 'peakBytes')!.high),
    `${withSpread(spreadOf(row, side, 'firstImageSeconds')!)} s`,
  ];
}

function spreadOf(row: Row, side: 'produce' | 'consume', figure: keyof Figures): Spread | undefined {
  return row[side].length === 0 ? undefined : spread(row[side].map((round) => round[figure]));
}

/** What the figures were measured on. */
export function machineSection(lines: readonly (readonly [string, string])[]): string {
  return `## Machine\n\n${table(['', ''], lines)}`;
}

/** What was wanted and what was measured. */
export function goalsSection(goals: readonly Goal[]): string {
  const rows = goals.map(({ what, wanted, measured, isMost }) => {
    const ratio = isMost === true ? measured! / wanted : wanted / measured!;
    const verdict = ratio > 0 && ratio <= 1 ? 'reached' : `falls short by a factor of ${number(ratio)}`;
    return [what, `${isMost === true ? 'at most' : 'at least'} ${wanted}`, number(measured!), verdict];
  });
  return `## Goals\n\n${table(['', 'goal', 'median', ''], rows)}`;
}

/** From an image's creation to its file. */
export function latencySection(rows: readonly Latency[]): string {
  return [
    `## From creation to file, noise at ${latencyRate} images/s`,
    table(
      ['', 'images', 'p50, ms', 'p99, ms'],
      rows.map(({ contender, milliseconds, failure }) =>
        failure !== undefined
          ? [contender.name, '', `cannot: ${failure}`, '']
          : [
              contender.name,
              milliseconds.length,
              number(quantile(milliseconds, 0.5)),
              number(quantile(milliseconds, 0.99)),
            ],
      ),
    ),
  ].join('\n\n');
}

/** Consumers of one group. */
export function scalingSection(rows: readonly Scaling[]): string {
  const single = spread(rows[0]!.imagesPerSecond).median;
  return [
    '## Several consumers in one group, noise',
    table(
      ['consumers', 'images/s', 'speed-up'],
      rows.map(({ consumers, imagesPerSecond }) => [
        consumers,
        withSpread(spread(imagesPerSecond)),
        number(spread(imagesPerSecond).median / single),
      ]),
    ),
  ].join('\n\n');
}

/** Few images and many. */
export function flatnessSection(rows: readonly Flatness[]): string {
  return [
    '## Few images and many, photographs as JPEG files, image-stream',
    table(
      [
        'partitions',
        'images',
        'send: CPU ms/image',
        'images/s',
        'peak memory',
        'save: CPU ms/image',
        'images/s',
        'peak memory',
      ],
      rows.map(({ partitions, images, produce, consume }) => [
        partitions,
        images,
        ...[produce, consume].flatMap(({ cpuMsPerImage, imagesPerSecond, peakBytes }) => [
          number(cpuMsPerImage),
          number(imagesPerSecond),
          mebibytes(peakBytes),
        ]),
      ]),
    ),
  ].join('\n\n');
}

/** What the machine can do, and how long `--help` takes. */
export function limitsSection(limits: Limits, help: Startup): string {
  return [
    '## The machine itself, and --help',
    table(
      ['', ''],
      [
        ['copies of 6.2 MB in memory, one thread', `${number(limits.copiesPerSecond)}/s`],
        ['files of 6.2 MB written and synced, one at once', `${number(limits.filesPerSecond)}/s`],
        ['files of 6.2 MB written and synced, four at once', `${number(limits.concurrentFilesPerSecond)}/s`],
        ['files of 11 KB written and synced, 32 at once', `${number(limits.smallFilesPerSecond)}/s`],
        ['producer --help', `${withSpread(spread(help.producer))} s`],
        ['consumer --help', `${withSpread(spread(help.consumer))} s`],
      ],
    ),
  ].join('\n\n');
}
