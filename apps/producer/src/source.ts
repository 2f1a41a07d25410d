import type { Image } from '@image-stream/codec';

/** An image that is on its way in: it is made or read when there is room for it. */
export interface Pending {
  /** What a person knows it by, for messages. */
  readonly name: string;
  /** Bytes that it takes in memory. */
  readonly bytes: number;
  /** @throws Error when it cannot be read, or is no image */
  readonly load: () => Promise<Image>;
  /** Called once the whole image is acknowledged. */
  readonly acknowledged?: () => Promise<void>;
}

/** What cannot be read, so that it is reported like an image that cannot be. */
export function badInput({ path, error }: { readonly path: string; readonly error: Error }): Pending {
  return { name: path, bytes: 0, load: () => Promise.reject(error) };
}
