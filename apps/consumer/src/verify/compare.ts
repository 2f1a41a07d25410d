import type { Pool } from '@image-stream/program';
import type { Found } from './check.ts';
import type { RecordSet } from './record-set.ts';
import type { Report } from './report.ts';
import type { ChunkRow, Row, UnreadableRow } from './rows.ts';

/** An image of the topic, put together from what its records say. */
export interface TopicImage extends Pick<ChunkRow, 'check' | 'digest' | 'size' | 'partition' | 'offset'> {
  readonly path: string;
  /** False where chunks of it have not come. */
  isComplete: boolean;
  /** True where any of its records is a dead letter. */
  isDeadLettered: boolean;
}

export interface CompareOptions {
  readonly deadLetters: Pick<RecordSet, 'has'>;
  readonly check: (image: TopicImage) => Promise<Found>;
  readonly report: Pick<Report, 'onDisk' | 'add'>;
  readonly pool: Pick<Pool, 'begin'>;
  /** Ends it, with its reason. */
  readonly signal: AbortSignal;
}

/** Chunks of one image as one sender cut it. */
interface Upload {
  /** The chunk that tells most about the image: the first one, where it is there. */
  head: ChunkRow;
  readonly have: Set<number>;
  isDeadLettered: boolean;
}

/**
 * Compares the images and the files of one bucket. In memory is what tells its images apart: however often an image
 * was sent, it is there once.
 */
export async function compare(rows: AsyncIterable<Row>, options: CompareOptions): Promise<void> {
  const { deadLetters, report, pool, signal } = options;
  const uploads = new Map<string, Upload>();
  const unreadable = new Map<string, UnreadableRow>();
  const files = new Set<string>();
  for await (const row of rows) {
    signal.throwIfAborted();
    if (row.kind === 'file') {
      files.add(row.path);
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
    await pool.begin(bytes, () => comparePath(path, ofPath, files.has(path), options));
  }
  for (const path of files) {
    if (!images.has(path)) {
      report.add('unexpected', { path });
    }
  }

  function addChunk(chunk: ChunkRow): void {
    const key = `${chunk.stem} ${chunk.upload}`;
    const upload = uploads.get(key) ?? { head: chunk, have: new Set(), isDeadLettered: false };
    uploads.set(key, upload);
    upload.head = chunk.index === 0 && upload.head.index > 0 ? chunk : upload.head;
    upload.have.add(chunk.index);
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
    const images = byPath.get(path) ?? [];
    byPath.set(path, images);
    const same = images.find((image) => image.check === check && image.digest === digest);
    if (same === undefined) {
      images.push({ path, check, digest, size, partition, offset, isComplete, isDeadLettered });
    } else {
      same.isComplete ||= isComplete;
      same.isDeadLettered ||= isDeadLettered;
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
  const found = await Promise.all(images.map(check));
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
