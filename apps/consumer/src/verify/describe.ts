import { differenceKinds, differences } from './report.ts';
import type { Finding, FindingKind } from './report.ts';

/** What a comparison came to; with `--json`, the last line on standard output. */
export type Verification = Readonly<Record<FindingKind | 'onDisk' | 'tombstones', number>> & {
  /** Records of the topic that were read. */
  readonly records: number;
  /** Records that the partitions held once and that are removed, by retention for example. */
  readonly removedRecords: number;
  /** The sum of all kinds but `deadLettered`. */
  readonly differences: number;
  readonly seconds: number;
  /** The first 100 of each kind. */
  readonly listed: Readonly<Record<FindingKind, readonly Finding[]>>;
};

/** The comparison for people: a table, and what is in it. */
export function describeVerification(topic: string, directory: string, result: Verification): string {
  const { records, onDisk, tombstones, deadLettered, removedRecords, listed } = result;
  const kinds = differenceKinds.filter((kind) => result[kind] > 0);
  const verdict =
    kinds.length === 0
      ? `${topic} and ${directory} agree`
      : `${topic} and ${directory} DIFFER in ${result.differences}`;
  const rows = [
    ['records read', records],
    ['images on disk', onDisk],
    ...(tombstones > 0 ? [['tombstones', tombstones] as const] : []),
    ...(deadLettered > 0 ? [['dead-lettered', deadLettered] as const] : []),
    ...kinds.map((kind) => [kind, result[kind]] as const),
  ] as const;
  const width = String(Math.max(...rows.map(([, count]) => count))).length;
  const table = rows.map(([name, count]) => `  ${name.padEnd(14)}  ${String(count).padStart(width)}`);
  const lists = kinds.flatMap((kind) => [
    `${kind}: ${differences[kind]}`,
    ...listed[kind].map((finding) => `  ${lineOf(finding)}`),
    ...(result[kind] > listed[kind].length ? [`  ... and ${result[kind] - listed[kind].length} more`] : []),
  ]);
  const removed =
    removedRecords > 0 && result.unexpected > 0
      ? [
          `The topic no longer holds ${removedRecords} older ${removedRecords === 1 ? 'record' : 'records'}; files of such are unexpected.`,
        ]
      : [];
  return [verdict, ...table, ...lists, ...removed].join('\n');
}

/** Names of files come from anyone, and are not to command a terminal. */
function lineOf({ path, record, reason }: Finding): string {
  return [path, record, reason]
    .filter((part) => part !== undefined)
    .join('  ')
    .replaceAll(/\p{Cc}/gu, '?');
}
