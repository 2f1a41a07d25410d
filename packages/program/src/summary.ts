import { counted, formatBytes } from './format.ts';

/** What a run did; with `--json`, the last line on standard output. */
export interface Summary {
  /** Images delivered, or on disk. */
  readonly images: number;
  /** Images that were not delivered or saved. */
  readonly failed: number;
  /** Images that were there already. */
  readonly skipped: number;
  /** Bad records: those that went to the dead-letter topic, and those that are only read. */
  readonly deadLettered: number;
  /** Records without a value, which delete what was sent under their key: nothing to save, and nothing wrong. */
  readonly tombstones: number;
  /** Records that retention removed before they were read. */
  readonly removed: number;
  /** Bytes of the images: as pixels where they are pixels, else of their files. */
  readonly payloadBytes: number;
  /** Bytes of the records' keys and values. */
  readonly wireBytes: number;
  /** From the first image to the last one acknowledged or committed. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

/** That nothing was done, to begin with. */
export const emptySummary: Summary = {
  images: 0,
  failed: 0,
  skipped: 0,
  deadLettered: 0,
  tombstones: 0,
  removed: 0,
  payloadBytes: 0,
  wireBytes: 0,
  seconds: 0,
  imagesPerSecond: 0,
};

/** As wide as a terminal is at least. */
const columns = 80;

/** The summary for a person: one line, or two where one is too long. */
export function describeSummary(verb: string, summary: Summary): string {
  const { images, failed, skipped, deadLettered, tombstones, removed } = summary;
  const counts = [
    `${verb} ${counted(images, 'image')}`,
    ...(skipped > 0 ? [`${skipped} already there`] : []),
    ...(deadLettered > 0 ? [counted(deadLettered, 'bad record')] : []),
    ...(tombstones > 0 ? [counted(tombstones, 'tombstone')] : []),
    ...(removed > 0 ? [`${removed} REMOVED before they were read`] : []),
    ...(failed > 0 ? [`${failed} FAILED`] : []),
  ].join(', ');
  if (images === 0) {
    return counts;
  }
  const { payloadBytes, wireBytes, seconds, imagesPerSecond } = summary;
  const rate = seconds === 0 ? '' : `, ${imagesPerSecond} images/s, ${formatBytes(payloadBytes / seconds)}/s`;
  const sizes = `${formatBytes(payloadBytes)}, ${formatBytes(wireBytes)} on the wire, ${seconds.toFixed(1)} s${rate}`;
  const line = `${counts}: ${sizes}`;
  return line.length <= columns ? line : `${counts}:\n  ${sizes}`;
}
