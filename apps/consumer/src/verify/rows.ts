import type { Kept } from '@image-stream/storage';

/** How a file shows that it holds its image: the same bytes, the same pixels, made from the same, or being an image at all. */
type Check = 'bytes' | 'pixels' | 'source' | 'existence';

/** What is to be on disk for an image. */
export interface ExpectedFile {
  /** The path without its extension. */
  readonly stem: string;
  /** Undefined where a chunk of the image does not tell what the whole is. */
  readonly extension: string | undefined;
  readonly check: Check;
  /** SHA-256 of the bytes, the pixels, or what it was made from, in hex; empty for existence. */
  readonly digest: string;
  /** Bytes of the file or its pixels; else 0. */
  readonly size: number;
}

/** A place in the topic; offsets have 64 bits. */
interface RecordPlace {
  readonly partition: number;
  readonly offset: string;
}

/** A record with an image, or with a chunk of one. */
export interface ChunkRow extends ExpectedFile, RecordPlace {
  readonly kind: 'chunk';
  /** Chunks of equal uploads make one image. */
  readonly upload: string;
  /** From 0; an image in one record is chunk 0 of 1. */
  readonly index: number;
  readonly count: number;
}

/** A record in which there is no image that could be saved. */
export interface UnreadableRow extends RecordPlace {
  readonly kind: 'unreadable';
  readonly reason: string;
}

/** A file that is on disk, or an image in a shard. */
export interface FileRow extends Pick<Kept, 'place' | 'sha256' | 'size'> {
  readonly kind: 'file';
  /** Below the output directory; of an image in a shard, as if it were a file. */
  readonly path: string;
}

export type Row = ChunkRow | UnreadableRow | FileRow;

/** What rows have in common that have to do with one another. */
export function keyOf(row: Row): string {
  switch (row.kind) {
    case 'chunk':
      return row.stem;
    case 'file':
      return row.path.replace(/\.[^./]*$/, '');
    default:
      return `${row.partition}@${row.offset}`;
  }
}
