/** What can be wrong, in the order in which it is shown, and what it means. */
export const differences = {
  missing: 'in the topic, but not on disk and not a dead letter',
  damaged: 'the file holds something else than its image',
  conflicting: 'the file holds another image of the same id, and this one is nowhere',
  incomplete: 'chunks of the image have not come, and it is not on disk',
  unreadable: 'the record holds no image that can be saved, and is not a dead letter',
  unexpected: 'on disk, but no record explains it',
} as const;

export const differenceKinds = Object.keys(differences) as (keyof typeof differences)[];

/** What was found of an image, a record or a file; dead letters are accounted for. */
export type FindingKind = keyof typeof differences | 'deadLettered';

/** One finding, as `--json` lists it. */
export interface Finding {
  /** Below the output directory. */
  readonly path?: string;
  /** `topic[partition]@offset`, of an image the first of its records. */
  readonly record?: string;
  /** Why a record is unreadable. */
  readonly reason?: string;
}

/** What is not on disk as it should be, by kind. */
export interface Report {
  onDisk(): void;
  /** A record that deletes wants no file. */
  tombstone(): void;
  add(
    kind: FindingKind,
    found: {
      readonly path?: string;
      readonly partition?: number;
      readonly offset?: string;
      readonly reason?: string;
    },
  ): void;
  counts(): Readonly<Record<FindingKind | 'onDisk' | 'tombstones', number>>;
  /** The first of each kind. */
  listed(): Readonly<Record<FindingKind, readonly Finding[]>>;
}

/** How many findings of a kind are listed; the others are counted. */
const maxListed = 100;

export function createReport(topic: string): Report {
  const kinds: FindingKind[] = [...differenceKinds, 'deadLettered'];
  const each = <T>(make: () => T) =>
    Object.fromEntries(kinds.map((kind) => [kind, make()])) as Record<FindingKind, T>;
  const counts = { onDisk: 0, tombstones: 0, ...each(() => 0) };
  const listed = each((): Finding[] => []);

  return {
    onDisk() {
      counts.onDisk += 1;
    },
    tombstone() {
      counts.tombstones += 1;
    },
    add(kind, { path, partition, offset, reason }) {
      counts[kind] += 1;
      if (listed[kind].length < maxListed) {
        listed[kind].push({
          ...(path !== undefined && { path }),
          ...(offset !== undefined && { record: `${topic}[${partition}]@${offset}` }),
          ...(reason !== undefined && { reason }),
        });
      }
    },
    counts: () => counts,
    listed: () => listed,
  };
}
