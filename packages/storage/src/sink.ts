import type { ByteSource, ImageAttributes } from '@image-stream/codec';
import type { Finding } from '@image-stream/program';
import type { S3Settings } from './s3-url.ts';
import type { Origin } from './shards/sample.ts';
import type { ErrorClass } from './system-errors.ts';
import type { Workspace } from './workspace.ts';

/** What has been accepted, and when it is safe. */
export interface Accepted {
  /**
   * Resolves once it outlives a power cut. A sink may make many durable together; after an error it may be asked again.
   */
  durable(): Promise<void>;
  /** Whether the sink has found out by itself that the same image was there. */
  readonly wasThere?: true;
}

/** What is put, for a sink that notes it beside the bytes. */
export interface About {
  readonly mediaType: string;
  /** Absent for a file of many images. */
  readonly image?: ImageAttributes;
  /** Columns and rows of pixels, where they are known already. */
  readonly size?: { readonly width: number; readonly height: number } | undefined;
  /** Where the image comes from. */
  readonly origin?: Origin;
  /** Resolves when all images that came before it from its partition are accepted, or never will be, for a sink that keeps their order. */
  readonly turn?: () => Promise<void>;
  /** SHA-256 of what is put, in lower-case hex, where it is known already. */
  readonly sha256?: string | undefined;
  /** SHA-256 of what was received; absent where that is what is put. */
  readonly receivedSha256?: () => Promise<string>;
}

/** What is kept under a key. */
export interface Found extends Accepted {
  /** Whoever put it there may have been killed before it was durable: `durable` makes it so. */
  readonly content: ByteSource;
  /** Of the content, in lower-case hex, where the sink knows it without reading. */
  readonly sha256?: string;
  /** The key of the shard that it is in. */
  readonly shard?: string;
}

/** One of all that is kept. */
export interface Kept {
  readonly key: string;
  /** What to find it by, where several may have the same key. Default: its key. */
  readonly place?: string;
  /** Of its content, where that was read to find it: SHA-256 in lower-case hex, and bytes. */
  readonly sha256?: string;
  readonly size?: number;
  /** Why it cannot be read. */
  readonly problem?: string;
}

/** What can be asked of images that are kept, without keeping any more. */
export interface SinkReader {
  /** For messages: a directory, say. */
  readonly location: string;
  /**
   * What is under a key, or at a place; undefined where nothing is.
   *
   * @param of which image is looked for, for a sink that keeps several in a file: where it comes from, and its SHA-256. Without that, any of
   * its id is found, from that record on, which may take reading all that is in a shard
   */
  find(where: string, of?: { readonly origin: Origin; readonly sha256?: string }): Promise<Found | undefined>;
  /** Everything, in no order. @param prefix with which keys are to begin: of a folder, and of what is in it */
  list(prefix?: string): AsyncIterable<Kept>;
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
   * @param about of the image; without it, a sink notes nothing
   * @returns undefined where the key is taken, with `create`
   */
  put(
    key: string,
    content: ByteSource,
    mode: 'create' | 'replace',
    about?: About,
  ): Promise<Accepted | undefined>;
  /**
   * Makes durable what is accepted: nothing more comes for now. It never throws, since `durable` tells of an error. Without it, a sink makes
   * durable what it has accepted after a while of its own.
   */
  flush(): Promise<void>;
}

/** A sink, and the space on the local disk for what is not finished. */
export interface Opened {
  readonly sink: Sink;
  readonly workspace: Workspace;
}

/** What a sink needs besides its location; a directory needs none of it. */
export interface OutputSettings extends S3Settings {
  /** For what is not finished, of a sink that is not on the local disk. Default: the system's temporary folder. */
  readonly scratchDirectory?: string | undefined;
  /** Told what may become a problem. */
  readonly warn: (message: string) => void;
}
