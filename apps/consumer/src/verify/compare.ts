import type { Pool } from '@image-stream/budget';
import type { Found } from './check.ts';
import type { RecordSet } from './record-set.ts';
import type { Report } from './report.ts';
import type { ChunkRow, FileRow, Row, UnreadableRow } from './rows.ts';

/** An image of the topic, put together from what its records say. */
export interface TopicImage extends Pick<ChunkRow, 'check' | 'digest' | 'size' | 'partition' | 'offset'> {
  readonly path: string;
  /** False where chunks of it have not come. */
  isComplete: boolean;
  /** True where any of its records is a dead letter. */
  isDeadLettered: boolean;
  /** How often it was sent. */
  copies: number;
}

export interface CompareOptions {
  readonly deadLetters: Pick<RecordSet, 'has'>;
  /** Looks at the file at a path, or the image at a place in a shard. */
  readonly check: (image: TopicImage, place: string) => Promise<Found>;
  /** Whether what is on disk are images in shards: a record has one of its own there, also where others have the same id. */
  readonly hasShards: boolean;
  /** False where only a part of the topic was read, so that nothing on disk is unexpected. */
  readonly isWhole: boolean;
  readonly report: Pick<Report, 'onDisk' | 'add'>;
  readonly pool: Pick<Pool, 'begin'>;
  /** Ends it, with its reason. */
  readonly signal: AbortSignal;
}

/** Chunks of one image as one sender cut it. */
interface Upload {
  /** The chunk that tells most about the image: the first one, where it is there. */
  head: ChunkRow;
  /** Which chunks have come, and how often. */
  readonly have: Map<number, number>;
  isDeadLettered: boolean;
}

/**
 * Compares the images and the files of one bucket. In memory is what tells its images apart: however often an image
 * was sent, it is there once.
 */
export async function compare(rows: AsyncIterable<Row>, options: CompareOptions): Promise<void> {
  const { deadLetters, report, pool, signal, hasShards, isWhole } = options;
  const uploads = new Map<string, Upload>();
  const unreadable = new Map<string, UnreadableRow>();
  const files = new Map<string, FileRow[]>();
  for await (const row of rows) {
    signal.throwIfAborted();
    if (row.kind === 'file') {
      files.set(row.path, [...(files.get(row.path) ?? []), row]);
    } else if (row.kind === 'unreadable') {
      unreadable.set(`${row.partition}@${row.offset}`, row);
    } else {
      addChunk(row);
    }
  }

  for (const { partition, offset, reason } of unreadable.values()) {
    const kind = deadLetters.has(partition, offset) ? 'deadLettered' : 'unreadable';
    report.add(kind, { partition, offset, reason });
  }
  const images = imagesByPath(uploads.values());
  for (const [path, ofPath] of images) {
    signal.throwIfAborted();
    const bytes = Math.max(...ofPath.map(({ check, size }) => (check === 'pixels' ? size : 0)));
    const there = files.get(path) ?? [];
    await pool.begin(bytes, () =>
      hasShards
        ? compareSamples(ofPath, there, options)
        : comparePath(path, ofPath, there.length > 0, options),
    );
  }
  for (const [path, there] of isWhole ? files : []) {
    if (!images.has(path)) {
      there.forEach(({ place }) => report.add('unexpected', { path: place ?? path }));
    }
  }

  function addChunk(chunk: ChunkRow): void {
    const key = `${chunk.stem} ${chunk.upload}`;
    const upload = uploads.get(key) ?? { head: chunk, have: new Map(), isDeadLettered: false };
    uploads.set(key, upload);
    upload.head = chunk.index === 0 && upload.head.index > 0 ? chunk : upload.head;
    upload.have.set(chunk.index, (upload.have.get(chunk.index) ?? 0) + 1);
    upload.isDeadLettered ||= deadLetters.has(chunk.partition, chunk.offset);
  }
}

/** However often it was sent, and in how many chunks: the same content under the same path is one image. */
function imagesByPath(uploads: Iterable<Upload>): Map<string, TopicImage[]> {
  const byPath = new Map<string, TopicImage[]>();
  for (const { head, have, isDeadLettered } of uploads) {
    const { stem, extension, check, digest, size, partition, offset } = head;
    const path = extension === undefined ? stem : `${stem}.${extension}`;
    const isComplete = have.size === head.count;
    const copies = Math.max(...have.values());
    const images = byPath.get(path) ?? [];
    byPath.set(path, images);
    const same = images.find((image) => image.check === check && image.digest === digest);
    if (same === undefined) {
      images.push({ path, check, digest, size, partition, offset, isComplete, isDeadLettered, copies });
    } else {
      same.isComplete ||= isComplete;
      same.isDeadLettered ||= isDeadLettered;
      same.copies += copies;
    }
  }
  return byPath;
}

/**
 * Where several images have one path, the first one to be saved has the file, and the others are conflicts: they
 * are nowhere, unless they are dead letters. Which of them the file should hold cannot be told where it holds none.
 */
async function comparePath(
  path: string,
  images: readonly TopicImage[],
  isListed: boolean,
  { check, report }: CompareOptions,
): Promise<void> {
  const found = await Promise.all(images.map((image) => check(image, path)));
  const isHeld = found.includes('same');
  let isExplained = isHeld;
  if (isHeld) {
    report.onDisk();
  }
  for (const [index, { isComplete, isDeadLettered, partition, offset }] of images.entries()) {
    const place = { path, partition, offset };
    if (found[index] === 'same') {
      continue;
    }
    if (isDeadLettered) {
      report.add('deadLettered', place);
    } else if (!isComplete) {
      report.add('incomplete', place);
    } else if (found[index] === 'nothing') {
      report.add('missing', place);
    } else {
      report.add(isHeld ? 'conflicting' : 'damaged', place);
      isExplained = true;
    }
  }
  if (isListed && !isExplained) {
    report.add('unexpected', { path });
  }
}

/** In shards, each image has a sample of its own for each time that it was sent. */
async function compareSamples(
  images: readonly TopicImage[],
  samples: readonly FileRow[],
  { check, report, isWhole }: CompareOptions,
): Promise<void> {
  const left = new Set(samples);
  for (const image of images) {
    const { path, partition, offset, copies } = image;
    const found = [];
    for (const sample of left) {
      if (await isSample(image, sample, check)) {
        found.push(sample);
      }
    }
    found.slice(0, copies).forEach((sample) => left.delete(sample));
    if (found.length > 0) {
      report.onDisk();
    } else if (image.isDeadLettered || !image.isComplete) {
      report.add(image.isDeadLettered ? 'deadLettered' : 'incomplete', { path, partition, offset });
    } else {
      report.add('missing', { path, partition, offset });
    }
  }
  for (const { path, place } of isWhole ? left : []) {
    report.add('unexpected', { path: place ?? path });
  }
}

async function isSample(
  image: TopicImage,
  { path, place, sha256, size }: FileRow,
  check: CompareOptions['check'],
): Promise<boolean> {
  return image.check === 'bytes'
    ? sha256 === image.digest && size === image.size
    : (await check(image, place ?? path)) === 'same';
}
