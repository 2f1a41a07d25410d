import type { Image } from '@image-stream/codec';

/** An image that is on its way in: it is made or read when there is room for it. */
export interface Pending {
  /** What a person knows it by, for messages. */
  readonly name: string;
  /** Bytes that it takes in memory. */
  readonly bytes: number;
  /** @throws Error when it cannot be read, or is no image */
  readonly load: () => Promise<Image>;
}
