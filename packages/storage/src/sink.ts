import type { ByteSource } from '@image-stream/codec';
import type { Finding } from '@image-stream/program';
import type { ErrorClass } from './system-errors.ts';

/** What has been accepted, and when it is safe. */
export interface Accepted {
  /**
   * Resolves once it outlives a power cut. A sink may make many durable together; after an error it may be asked again.
   */
  durable(): Promise<void>;
}

/** What is kept under a key. */
export interface Found extends Accepted {
  /** Whoever put it there may have been killed before it was durable: `durable` makes it so. */
  readonly content: ByteSource;
}

/** What can be asked of images that are kept, without keeping any more. */
export interface SinkReader {
  /** For messages: a directory, say. */
  readonly location: string;
  /** What is under a key; undefined where nothing is. */
  find(key: string): Promise<Found | undefined>;
  /** All keys, in no order. */
  list(): AsyncIterable<string>;
  /** Looks whether images can be kept, how many and how fast, and changes nothing. */
  probe(): Promise<Finding[]>;
  /** Whom an error of its own is about; undefined for any other, such as those of the file system. */
  classify(error: unknown): ErrorClass | undefined;
  /** Nothing is asked any more. */
  close(): Promise<void>;
}

/**
 * Where images are kept, under keys with forward slashes that `imageKey` makes. Whatever it throws, it can be asked for the same
 * again.
 */
export interface Sink extends SinkReader {
  /**
   * Accepts an image; when this resolves, `content` may go away. Nobody ever sees a part of it.
   *
   * @param mode `create` leaves alone what is under the key
   * @returns undefined where the key is taken, with `create`
   */
  put(key: string, content: ByteSource, mode: 'create' | 'replace'): Promise<Accepted | undefined>;
  /**
   * Makes durable what is accepted: nothing more comes for now. It never throws, since `durable` tells of an error. Without it, a sink makes
   * durable what it has accepted after a while of its own.
   */
  flush(): Promise<void>;
}
