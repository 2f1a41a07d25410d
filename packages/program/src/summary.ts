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

/** The summary for a person, one line. */
export function describeSummary(verb: string, summary: Summary): string {
  const {
    images,
    failed,
    skipped,
    deadLettered,
    tombstones,
    removed,
    payloadBytes,
    wireBytes,
    seconds,
    imagesPerSecond,
  } = summary;
  const ratio = payloadBytes === 0 ? 1 : wireBytes / payloadBytes;
  const rate = seconds === 0 ? 0 : payloadBytes / 1e6 / seconds;
  const counts = [
    `${verb} ${counted(images, 'image')}`,
    ...(skipped > 0 ? [`${skipped} already there`] : []),
    ...(deadLettered > 0 ? [counted(deadLettered, 'bad record')] : []),
    ...(tombstones > 0 ? [counted(tombstones, 'tombstone')] : []),
    ...(removed > 0 ? [`${removed} REMOVED before they were read`] : []),
    ...(failed > 0 ? [`${failed} FAILED`] : []),
  ];
  const sizes = `${formatBytes(payloadBytes)} of images, ${formatBytes(wireBytes)} on the wire (ratio ${ratio.toFixed(2)})`;
  const speed = `${seconds.toFixed(1)} s, ${imagesPerSecond.toFixed(1)} images/s, ${rate.toFixed(1)} MB/s`;
  return `${counts.join(', ')}: ${sizes}, ${speed}`;
}
