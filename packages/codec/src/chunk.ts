import type { ContentEncoding } from './compression.ts';
import type { ImageAttributes } from './image.ts';

/** A part of an image whose payload did not fit one record. */
export interface Chunk extends ImageAttributes {
  /** Its place among the chunks of the image, from 0. */
  readonly index: number;
  /** How many chunks the image has, at most 65536. */
  readonly count: number;
  /** Bytes of the whole payload as transmitted. */
  readonly size: number;
  /** SHA-256 of the whole payload, lower-case hex. */
  readonly sha256: string;
  /** What the sender says that the payload is. */
  readonly mediaType: string | undefined;
  /** Of the whole payload. */
  readonly contentEncoding: ContentEncoding | undefined;
  /** As of `DecodedImage`. */
  readonly remark?: string;
  /** This part of the payload; shares the record's memory. */
  readonly bytes: Uint8Array;
}

/**
 * What tells the image of a chunk from all others: chunks of equal keys make one payload.
 * A resend of an image has the same key, and so completes what came before.
 */
export function chunkKey({ source, customerId, id, sha256, count }: Chunk): string {
  return JSON.stringify([source, customerId, id, sha256, count]);
}
