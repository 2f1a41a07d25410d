import type { ByteSource } from '@image-stream/codec';
import type { Entry, ShardFile } from './shard.ts';
import type { Sample } from './sample.ts';

/** An image in a durable shard. */
export interface Indexed {
  readonly sample: Sample;
  /** As a file of an archive. */
  readonly name: string;
  /** Where it is in the shard, for `open`. */
  readonly place: string;
  readonly content: ByteSource;
}

/** What shards are, as files. */
export interface Container {
  /** With which a shard's key ends. */
  readonly extension: string;
  readonly mediaType: string;
  /** @throws StorageError `TOO_LARGE` for an image that is larger than it can hold */
  assertFits(content: ByteSource): void;
  /**
   * Writes a shard of some of the samples of a finished file.
   *
   * @param target where no file is yet
   * @returns where it was written: the file itself, if it can be taken as it is
   */
  write(file: ShardFile, entries: readonly Entry[], target: string): Promise<string>;
  /** The samples of a shard, in their order. @throws Error for a file that is no such shard */
  read(shard: ByteSource): AsyncIterable<Indexed>;
  /** One image of a shard. */
  open(shard: ByteSource, place: string): Promise<ByteSource>;
  /** The offset of the last one. */
  lastOffset(shard: ByteSource): Promise<number>;
}
