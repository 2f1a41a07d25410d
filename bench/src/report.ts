import type { Comparison, Figures, Row } from './compare.ts';
import { spread } from './statistics.ts';

type Cell = string | number;

/** A table in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Digits that matter, and no more. */
export function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(value >= 10 ? 3 : 2);
}

/** The median, and the least and the most of all rounds. */
export function withSpread(values: readonly number[]): string {
  const { median, low, high } = spread(values);
  return values.length === 1 ? number(median) : `${number(median)} (${number(low)} to ${number(high)})`;
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
  ].join('\n\n');
}

function sideTable(rows: readonly Row[], side: 'produce' | 'consume'): string {
  const first = rates(rows[0]!, side);
  return table(
    [
      '',
      'images',
      'images/s',
      'image-stream is',
      'MB/s on the wire',
      'CPU ms/image',
      'bytes/image on the wire',
      'peak memory',
      'run with one image',
    ].map((title) =>
      rows[0]!.contender.isSaving === false ? title.replace('image-stream', 'the first') : title,
    ),
    rows.map((row) => {
      const figures = row[side];
      if (typeof figures === 'string') {
        return [row.contender.name, row.images, `cannot: ${figures}`, '', '', '', '', '', ''];
      }
      const own = rates(row, side)!;
      const wireBytes = row.wireBytesPerImage ?? Number.NaN;
      return [
        row.contender.name,
        row.images,
        withSpread(own),
        first === undefined ? '' : `${number(spread(first).median / spread(own).median)} x`,
        number((spread(own).median * wireBytes) / 1e6),
        withSpread(figures.map(({ cpuMsPerImage }) => cpuMsPerImage)),
        wireBytes.toFixed(0),
        mebibytes(Math.max(...figures.map(({ peakBytes }) => peakBytes))),
        `${withSpread(figures.map(({ firstImageSeconds }) => firstImageSeconds))} s`,
      ];
    }),
  );
}

function rates(row: Row, side: 'produce' | 'consume'): number[] | undefined {
  const figures: Figures[] | string = row[side];
  return typeof figures === 'string' ? undefined : figures.map(({ imagesPerSecond }) => imagesPerSecond);
}
