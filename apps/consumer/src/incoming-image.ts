import type { DecodedImage, ReceivedRecord, RecordPlace } from '@image-stream/codec';
import type { Origin } from '@image-stream/storage';
import type { AssembledImage } from './chunks/chunked-image.ts';
import type { Delivery } from './receive/delivery.ts';

/** The records of one image: what is saved, put aside and done as one. */
export interface Work {
  readonly first: RecordPlace;
  readonly newest: RecordPlace;
  /** As they came. */
  records(): AsyncIterable<ReceivedRecord>;
  /** Says that the image is durable, or that its records are dead letters. */
  readonly done: (isSaved: boolean) => Promise<void>;
}

/** A record as where an image comes from, without what it holds. */
export function originOf({ record, topicId }: Pick<Delivery, 'record' | 'topicId'>): Origin {
  const { topic, partition, offset, headers } = record;
  return { topic, topicId, partition, offset, headers };
}

/** An image that is on its way in. */
export interface IncomingImage extends Work {
  /** What it takes of the budget. */
  readonly bytes: number;
  /** Bytes of key and value, where they were not counted when they came. */
  readonly wireBytes: number;
  /** In milliseconds since 1970; of its last record. */
  readonly timestamp: string;
  /** The record that made it whole. */
  readonly origin: Origin;
  /** As of `Delivery`. */
  readonly isCurrent: () => boolean;
  /** Lets go of it, and its records come again. */
  handBack(): Promise<void>;
  /** @returns undefined where the record holds none that is wanted */
  load(): Promise<DecodedImage | AssembledImage | undefined>;
}
