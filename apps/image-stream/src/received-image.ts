import type { Readable } from 'node:stream';
import type { ByteSource, ImageAttributes, PixelArray } from '@image-stream/codec';

/** An image file that has come: in memory where it was in one record, on the local disk where it came in chunks. */
export interface ReceivedFile extends ByteSource {
  /** As in a `content-type` header, by its content. */
  readonly mediaType: string;
  /** Columns in pixels, before any orientation is applied. */
  readonly width: number;
  /** Rows; the same. */
  readonly height: number;
  /**
   * All of its bytes.
   *
   * @throws ImageIoError `LIMIT_EXCEEDED` for more than 1 GiB, which `stream` and `read` give piece by piece
   */
  bytes(): Promise<Uint8Array>;
  /** Its bytes, a MiB at a time. */
  stream(): Readable;
}

/** An image that has come, whole and checked to its end. */
export interface ReceivedImage extends ImageAttributes {
  /** Pixels, or an image file; which one, `isPixelArray` tells. A file can be read until the loop goes on. */
  readonly content: PixelArray | ReceivedFile;
  /** Where its record is; of an image in chunks, the one that made it whole. */
  readonly topic: string;
  /** The same. */
  readonly partition: number;
  /** The same, in digits. */
  readonly offset: string;
  /** What people should know about how it was read: which date it got where its record has none. */
  readonly remark?: string;
}

/** True for pixels, false for an image file. */
export function isPixelArray(content: ReceivedImage['content']): content is PixelArray {
  return 'shape' in content;
}
