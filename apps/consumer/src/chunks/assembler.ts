import { chunkKey, shortened } from '@image-stream/codec';
import type { Chunk } from '@image-stream/codec';
import { ImageIoError } from '@image-stream/image-io';
import { counted } from '@image-stream/program';
import type { Origin } from '@image-stream/storage';
import { originOf } from '../incoming-image.ts';
import type { Delivery } from '../receive/delivery.ts';
import { createChunkedImage } from './chunked-image.ts';
import type { ChunkedImage, ChunkedImageOptions } from './chunked-image.ts';

export interface AssemblerOptions extends ChunkedImageOptions {
  /** Whether the image of a chunk is on disk already, so that its chunks are duplicates. */
  readonly isSaved: (chunk: Chunk, origin: Origin) => Promise<boolean>;
  /** Bytes on disk of all images that are not complete. */
  readonly maxBytes: number;
  /** How long an image may go without a new chunk, in milliseconds. */
  readonly timeoutMs: number;
}

/** Puts the chunks of images together, on disk. */
export interface Assembler {
  /**
   * Takes a chunk; its record is done when its image is. When that fails, the chunk can be given again.
   *
   * @returns the image once it has ended; `saved before` for a chunk of an image that is saved already; undefined while
   * others have to come
   * @throws ImageIoError `LIMIT_EXCEEDED` for an image that is larger than all may be together, `INVALID_IMAGE` for a chunk
   * that comes when the others have more bytes than all may have
   */
  add(chunk: Chunk, delivery: Delivery): Promise<ChunkedImage | 'saved before' | undefined>;
  /**
   * Takes out an image that has waited too long or has to make room; undefined where there is none. It counts until it is `released`.
   *
   * @param clock of the records, in milliseconds since 1970. Default: the newest timestamp of the partition
   */
  giveUp(clock?: number): { readonly image: ChunkedImage; readonly error: ImageIoError } | undefined;
  /** An image that was given up takes no disk any more. */
  release(image: ChunkedImage): void;
  /** Lets go of an image that has ended, and knows from now on whether its image is saved. */
  settle(image: ChunkedImage, isSaved: boolean): void;
  /** Whether there is no room for another chunk. */
  isCrowded(): boolean;
  /** Uploads that have not ended. */
  incomplete(): ChunkedImage[];
  /** Removes what is not complete; its records come again. */
  close(): Promise<void>;
}

/** Chunks in memory are small, but not nothing: their places, and what to do when they are done. */
const maxWaiting = 262_144;

/** The first chunk of an image takes more memory than those after it: some 7 kB. */
const maxImages = 4096;

/** How many images that are done to know by heart; for others, the disk is asked. */
const maxRemembered = 10_000;

/**
 * An assembler that keeps nothing across a restart: the commit waits for the oldest chunk, so that all of them
 * come again. When there is no more room, the oldest image has to go: those of a flood never complete, others do soon.
 */
export function createAssembler(options: AssemblerOptions): Assembler {
  const { now, maxBytes, timeoutMs } = options;
  const images = new Map<string, ChunkedImage>();
  const remembered = new Set<string>();
  /** Per partition, the newest timestamp of any chunk. */
  const clocks = new Map<number, number>();
  const used = { bytesOnDisk: 0, waiting: 0, images: 0 };
  /** Of these, what is given up, and on its way out. */
  const leaving = { bytesOnDisk: 0, waiting: 0, images: 0 };
  /** To which a chunk is being written; taken out meanwhile, it would never hear that the chunk's record is done. */
  let growing: ChunkedImage | undefined;

  function remember(key: string): void {
    remembered.add(key);
    if (remembered.size > maxRemembered) {
      remembered.delete(remembered.values().next().value!);
    }
  }

  function add(total: typeof used, { bytesOnDisk, waiting }: ChunkedImage, sign: 1 | -1): void {
    total.bytesOnDisk += sign * bytesOnDisk;
    total.waiting += sign * waiting;
    total.images += sign;
  }

  return {
    async add(chunk, delivery) {
      const key = chunkKey(chunk);
      if (remembered.has(key) || (!images.has(key) && (await options.isSaved(chunk, originOf(delivery))))) {
        remember(key);
        delivery.done();
        return 'saved before';
      }
      if (chunk.size > maxBytes) {
        throw new ImageIoError(
          'LIMIT_EXCEEDED',
          `image ${shortened(chunk.id, 100)} of ${chunk.size} bytes exceeds the ${counted(maxBytes, 'byte')} of --max-incomplete-bytes`,
        );
      }
      const { partition, timestamp } = delivery.record;
      clocks.set(partition, Math.max(Number(timestamp), clocks.get(partition) ?? 0));

      const image = images.get(key) ?? createChunkedImage(chunk, delivery, options);
      images.set(key, image);
      if (image.hasEnded) {
        if (!image.has(chunk.index)) {
          throw new ImageIoError(
            'INVALID_IMAGE',
            `chunk ${chunk.index} of image ${shortened(chunk.id, 100)} comes on top of chunks that have more bytes than they announce`,
          );
        }
        // A repeated chunk, while the image is on its way to the disk.
        await image.add(chunk, delivery);
        return undefined;
      }
      growing = image;
      if (image.have > 0) {
        add(used, image, -1);
      }
      try {
        await image.add(chunk, delivery);
      } finally {
        growing = undefined;
        if (image.have > 0 && !image.hasEnded) {
          add(used, image, 1);
        }
      }
      return image.hasEnded ? image : undefined;
    },
    giveUp(clock) {
      for (const image of images.values()) {
        if (image.hasEnded || image === growing || image.have === 0) {
          continue;
        }
        const error = reasonToGiveUp(image, clock);
        if (!image.isCurrent()) {
          // Another member of the group has the partition, and gets all of the chunks.
          images.delete(image.key);
          add(used, image, -1);
          void image.remove();
        } else if (error !== undefined) {
          images.delete(image.key);
          add(leaving, image, 1);
          return { image, error };
        }
      }
      return undefined;
    },
    release(image) {
      add(used, image, -1);
      add(leaving, image, -1);
    },
    settle(image, isSaved) {
      const { key } = image;
      // Since it was given up, another one may have begun.
      if (images.get(key) === image) {
        images.delete(key);
      }
      if (isSaved) {
        remember(key);
      }
    },
    isCrowded: () => isOver(used),
    incomplete,
    async close() {
      await Promise.all([...images.values()].map((image) => image.remove()));
    },
  };

  function isOver(total: typeof used): boolean {
    return total.bytesOnDisk > maxBytes || total.waiting > maxWaiting || total.images > maxImages;
  }

  function incomplete(): ChunkedImage[] {
    return [...images.values()].filter(({ hasEnded }) => !hasEnded);
  }

  /** The images are in the order in which they began. */
  function reasonToGiveUp(image: ChunkedImage, endedAt?: number): ImageIoError | undefined {
    const { id, have, count, newest, newestTimestamp, receivedAt } = image;
    const chunks = `only ${have} of the ${count} chunks of image ${shortened(id, 100)} came`;
    const clock = endedAt ?? clocks.get(newest.partition) ?? 0;
    if (clock - newestTimestamp > timeoutMs || now() - receivedAt > timeoutMs) {
      return new ImageIoError('INVALID_IMAGE', `${chunks} within --chunk-timeout`);
    }
    const staying = {
      bytesOnDisk: used.bytesOnDisk - leaving.bytesOnDisk,
      waiting: used.waiting - leaving.waiting,
      images: used.images - leaving.images,
    };
    if (isOver(staying)) {
      return new ImageIoError(
        'LIMIT_EXCEEDED',
        `${chunks} before the images that are not complete took more than --max-incomplete-bytes (${maxBytes}), ` +
          `or were more than ${maxImages}, or of more than ${maxWaiting} records`,
      );
    }
    return undefined;
  }
}
