import type { RecordDescription } from '@image-stream/image-io';
import { counted, formatBytes } from '@image-stream/program';

const heads = ['PLACE', 'AGE', 'CUSTOMER', 'ID', 'TYPE', 'PIXELS', 'SIZE', 'FORMAT'] as const;

/** Longer ids and customers would push the other columns out of sight. */
const maxCharacters = 40;

/**
 * Records as a table, with the reasons of dead letters below their lines.
 *
 * @param pictures lines to show below a record, by its place
 */
export function describeTable(
  records: readonly RecordDescription[],
  pictures: ReadonlyMap<RecordDescription, string> = new Map(),
): string {
  const now = Date.now();
  const rows = records.map((record) => cellsOf(record, now));
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd();
  return [
    line(heads),
    ...records.flatMap((record, index) => [
      line(rows[index]!),
      ...notesOf(record).map((note) => `  ${printable(note)}`),
      ...(pictures.has(record) ? [pictures.get(record)!] : []),
    ]),
  ].join('\n');
}

function cellsOf(record: RecordDescription, now: number): string[] {
  const { partition, offset, timestamp, customerId, id, type, width, height, imageBytes, recordBytes } =
    record;
  const { format, compression, chunk } = record;
  const chunks = chunk === undefined ? '' : `, ${counted(chunk.count, 'chunk')}`;
  return [
    `${partition}@${offset}`,
    ageOf(timestamp, now),
    short(customerId),
    short(id),
    type ?? '-',
    width === undefined ? '-' : `${width}x${height}`,
    formatBytes(imageBytes ?? recordBytes),
    format === undefined ? '-' : `${format}${compression === 'none' ? '' : ` (${compression})`}${chunks}`,
  ].map(printable);
}

/** What is wrong with a record, and why it was put aside. */
function notesOf({ problem, deadLetter }: RecordDescription): string[] {
  return [
    ...(deadLetter === undefined
      ? []
      : [
          `put aside from ${deadLetter.topic} ${deadLetter.partition}@${deadLetter.offset}: ${deadLetter.message}`,
        ]),
    ...(problem === undefined || problem === deadLetter?.message ? [] : [`no image: ${problem}`]),
  ];
}

function ageOf(timestamp: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - timestamp) / 1000));
  const units = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
  ] as const;
  const [length, name] = units.find(([unit]) => seconds >= unit) ?? [1, 's'];
  return `${Math.floor(seconds / length)} ${name}`;
}

function short(text = '-'): string {
  return text.length > maxCharacters ? `${text.slice(0, maxCharacters - 1)}…` : text;
}

/** Ids come from anyone, and are not to command a terminal, nor to turn its text around. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, '?');
}
