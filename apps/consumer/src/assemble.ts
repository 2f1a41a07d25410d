import { chunkKey } from '@image-stream/codec';
import type { Chunk } from '@image-stream/codec';
import { ImageIoError } from '@image-stream/image-io';
import { counted } from '@image-stream/program';
import type { Delivery } from './receive/delivery.ts';
import { createUpload } from './upload.ts';
import type { Upload, UploadOptions } from './upload.ts';

export interface AssemblerOptions extends UploadOptions {
  /** Whether the image of a chunk is on disk already, so that its chunks are duplicates. */
  readonly isSaved: (chunk: Chunk) => Promise<boolean>;
  /** Bytes on disk of all images that are not complete. */
  readonly maxBytes: number;
  /** How long an image may go without a new chunk, in milliseconds. */
  readonly timeoutMs: number;
}

/** Puts the chunks of images together, on disk. */
export interface Assembler {
  /**
   * Takes a chunk; its record is done when its upload is. When that fails, the chunk can be given again.
   *
   * @returns the upload once it has ended; `on disk` for a chunk of an image that is saved already; undefined while
   * others have to come
   * @throws ImageIoError `LIMIT_EXCEEDED` for an image that is larger than all may be together, `INVALID_IMAGE` for a chunk
   * that comes when the others have more bytes than all may have
   */
  add(chunk: Chunk, delivery: Delivery): Promise<Upload | 'on disk' | undefined>;
  /**
   * Takes out an upload that has waited too long or has to make room; undefined where there is none.
   *
   * @param clock of the records, in milliseconds since 1970. Default: the newest timestamp of the partition
   */
  giveUp(clock?: number): { readonly upload: Upload; readonly error: ImageIoError } | undefined;
  /** Lets go of an upload that has ended, and knows from now on whether its image is saved. */
  settle(upload: Upload, isSaved: boolean): void;
  /** Whether an upload has to make room. */
  isCrowded(): boolean;
  /** Uploads that have not ended. */
  incomplete(): Upload[];
  /** Removes what is not complete; its records come again. */
  close(): Promise<void>;
}

/** Chunks in memory are small, but not nothing: their places, and what to do when they are done. */
const maxWaiting = 262_144;

/** The first chunk of an image takes more memory than those after it: some 7 kB. */
const maxUploads = 4096;

/** How many images that are done to know by heart; for others, the disk is asked. */
const maxRemembered = 10_000;

/**
 * An assembler that keeps nothing across a restart: the commit waits for the oldest chunk, so that all of them
 * come again. When there is no more room, the oldest upload has to go: those of a flood never complete, others do soon.
 */
export function createAssembler(options: AssemblerOptions): Assembler {
  const { now, maxBytes, timeoutMs } = options;
  const uploads = new Map<string, Upload>();
  const remembered = new Set<string>();
  /** Per partition, the newest timestamp of any chunk. */
  const clocks = new Map<number, number>();
  let bytesOnDisk = 0;
  let waiting = 0;
  /** To which a chunk is being written; taken out meanwhile, it would never hear that the chunk's record is done. */
  let growing: Upload | undefined;

  function remember(key: string): void {
    remembered.add(key);
    if (remembered.size > maxRemembered) {
      remembered.delete(remembered.values().next().value!);
    }
  }

  /** No longer counts an upload among those that are not complete. */
  function discount(upload: Upload): void {
    bytesOnDisk -= upload.bytesOnDisk;
    waiting -= upload.waiting;
  }

  return {
    async add(chunk, delivery) {
      const key = chunkKey(chunk);
      if (remembered.has(key) || (!uploads.has(key) && (await options.isSaved(chunk)))) {
        remember(key);
        delivery.done();
        return 'on disk';
      }
      if (chunk.size > maxBytes) {
        throw new ImageIoError(
          'LIMIT_EXCEEDED',
          `image ${chunk.id} of ${chunk.size} bytes exceeds the ${counted(maxBytes, 'byte')} of --max-incomplete-bytes`,
        );
      }
      const { partition, timestamp } = delivery.record;
      clocks.set(partition, Math.max(Number(timestamp), clocks.get(partition) ?? 0));

      const upload = uploads.get(key) ?? createUpload(chunk, delivery, options);
      uploads.set(key, upload);
      if (upload.hasEnded) {
        if (!upload.has(chunk.index)) {
          throw new ImageIoError(
            'INVALID_IMAGE',
            `chunk ${chunk.index} of image ${chunk.id} comes on top of chunks that have more bytes than they announce`,
          );
        }
        // A repeated chunk, while the image is on its way to the disk.
        await upload.add(chunk, delivery);
        return undefined;
      }
      const before = { bytesOnDisk: upload.bytesOnDisk, waiting: upload.waiting };
      growing = upload;
      try {
        await upload.add(chunk, delivery);
      } finally {
        growing = undefined;
      }
      bytesOnDisk += upload.bytesOnDisk - before.bytesOnDisk;
      waiting += upload.waiting - before.waiting;
      if (upload.hasEnded) {
        discount(upload);
        return upload;
      }
      return undefined;
    },
    giveUp(clock) {
      for (const upload of uploads.values()) {
        if (upload.hasEnded || upload === growing) {
          continue;
        }
        const error = reasonToGiveUp(upload, clock);
        if (!upload.isCurrent()) {
          // Another member of the group has the partition, and gets all of the chunks.
          uploads.delete(upload.key);
          discount(upload);
          void upload.remove();
        } else if (error !== undefined) {
          uploads.delete(upload.key);
          discount(upload);
          return { upload, error };
        }
      }
      return undefined;
    },
    settle(upload, isSaved) {
      const { key } = upload;
      // Since it was given up, another one may have begun.
      if (uploads.get(key) === upload) {
        uploads.delete(key);
      }
      if (isSaved) {
        remember(key);
      }
    },
    isCrowded,
    incomplete,
    async close() {
      await Promise.all([...uploads.values()].map((upload) => upload.remove()));
    },
  };

  function isCrowded(): boolean {
    return bytesOnDisk > maxBytes || waiting > maxWaiting || uploads.size > maxUploads;
  }

  function incomplete(): Upload[] {
    return [...uploads.values()].filter(({ hasEnded }) => !hasEnded);
  }

  /** The uploads are in the order in which they began. */
  function reasonToGiveUp(upload: Upload, endedAt?: number): ImageIoError | undefined {
    const { id, have, count, newest, newestTimestamp, receivedAt } = upload;
    const chunks = `only ${have} of the ${count} chunks of image ${id} came`;
    const clock = endedAt ?? clocks.get(newest.partition) ?? 0;
    if (clock - newestTimestamp > timeoutMs || now() - receivedAt > timeoutMs) {
      return new ImageIoError('INVALID_IMAGE', `${chunks} within --chunk-timeout`);
    }
    if (isCrowded()) {
      return new ImageIoError(
        'LIMIT_EXCEEDED',
        `${chunks} before the images that are not complete took more than --max-incomplete-bytes (${maxBytes}), ` +
          `or were more than ${maxUploads}, or of more than ${maxWaiting} records`,
      );
    }
    return undefined;
  }
}
