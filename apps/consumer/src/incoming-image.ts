import type { DecodedImage, ReceivedRecord, RecordPlace } from '@image-stream/codec';
import type { AssembledImage } from './chunks/chunked-image.ts';

/** The records of one image: what is saved, put aside and done as one. */
export interface Work {
  readonly first: RecordPlace;
  readonly newest: RecordPlace;
  /** As they came. */
  records(): AsyncIterable<ReceivedRecord>;
  /** Says that the image is durable, or that its records are dead letters. */
  done(isSaved: boolean): Promise<void>;
}

/** An image that is on its way in. */
export interface IncomingImage extends Work {
  /** What it takes of the budget. */
  readonly bytes: number;
  /** Bytes of key and value, where they were not counted when they came. */
  readonly wireBytes: number;
  /** In milliseconds since 1970; of its last record. */
  readonly timestamp: string;
  /** @returns undefined where the record holds none that is wanted */
  load(): Promise<DecodedImage | AssembledImage | undefined>;
}
