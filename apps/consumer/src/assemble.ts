import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { appendFile, rm } from 'node:fs/promises';
import { chunkKey } from '@image-stream/codec';
import type { Chunk, ContentEncoding, ImageAttributes, ReceivedRecord } from '@image-stream/codec';
import { fileSource, ImageIoError } from '@image-stream/image-io';

/** A record, and the word that it is on disk. */
export interface Delivery {
  readonly record: ReceivedRecord;
  readonly done: () => void;
  /** False once the record may be another member's of the group. */
  readonly isCurrent: () => boolean;
}

/** An image whose chunks have all come: its payload is in a file. */
export interface AssembledImage extends ImageAttributes {
  readonly file: string;
  readonly contentEncoding: ContentEncoding | undefined;
  /** Bytes of the payload. */
  readonly size: number;
  /** SHA-256 of the payload, lower-case hex. */
  readonly sha256: string;
}

/** Where a record is; without its bytes, which must not stay in memory. */
export type Place = Pick<ReceivedRecord, 'topic' | 'partition' | 'offset'>;

/** An image whose chunks have not all come. */
export interface IncompleteImage {
  readonly id: string;
  /** How many chunks there are, and how many of them have come. */
  readonly count: number;
  readonly have: number;
  /** The first of its records to come; the commit waits for it. */
  readonly first: Place;
  readonly newest: Place;
  /** Milliseconds since 1970. */
  readonly newestTimestamp: number;
}

export interface AssemblerOptions {
  /** The path of a file that does not exist yet. */
  readonly temporaryFile: () => string;
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
   * Takes a chunk; its record is done when the image is.
   *
   * @returns the image and the word that it is saved, when this was its last chunk; `on disk` for a chunk of an image
   * that is saved already
   * @throws ImageIoError `INVALID_IMAGE` when the chunks do not make what they say, `LIMIT_EXCEEDED`
   */
  add(
    chunk: Chunk,
    delivery: Delivery,
  ): Promise<{ readonly image: AssembledImage; readonly done: () => Promise<void> } | 'on disk' | undefined>;
  /** An image that has waited too long for its next chunk; undefined where there is none. */
  overdue(now: number): IncompleteImage | undefined;
  /** Images that are not complete. */
  incomplete(): IncompleteImage[];
  /** Removes what is not complete; its records come again. */
  close(): Promise<void>;
}

interface Assembly {
  readonly id: string;
  readonly count: number;
  file: string;
  /** By index, where in the file a chunk is. */
  readonly parts: Map<number, { readonly start: number; readonly end: number }>;
  /** Every delivery of every chunk. */
  readonly waiting: Pick<Delivery, 'done' | 'isCurrent'>[];
  /** Of the file, as long as the chunks come in their order. */
  readonly hash: Hash;
  isInOrder: boolean;
  isComplete: boolean;
  bytes: number;
  newestTimestamp: number;
  /** When the newest chunk came, in milliseconds since 1970. */
  receivedAt: number;
  readonly first: Place;
  newest: Place;
}

/** Chunks in memory are small, but not nothing: their places, and what to do when they are done. */
const maxPendingChunks = 262_144;

/** How many images that are done to know by heart; for others, the disk is asked. */
const maxRemembered = 10_000;

/**
 * An assembler that writes each chunk to the end of its image's file as it comes. Chunks mostly come
 * in their order, and then the file is right; otherwise it is put in order when the last one is there.
 * Nothing is kept across a restart: the commit waits for the oldest chunk, so that all of them come again.
 */
export function createAssembler(options: AssemblerOptions): Assembler {
  const { temporaryFile, isSaved, maxBytes, timeoutMs } = options;
  const assemblies = new Map<string, Assembly>();
  const remembered = new Set<string>();
  /** Per partition, the newest timestamp of any chunk. */
  const clocks = new Map<number, number>();

  const begin = ({ id, count }: Chunk, { record }: Delivery): Assembly => ({
    id,
    count,
    file: temporaryFile(),
    parts: new Map(),
    waiting: [],
    hash: createHash('sha256'),
    isInOrder: true,
    isComplete: false,
    bytes: 0,
    newestTimestamp: 0,
    receivedAt: Date.now(),
    first: placeOf(record),
    newest: placeOf(record),
  });

  async function drop(key: string): Promise<void> {
    const assembly = assemblies.get(key);
    assemblies.delete(key);
    await (assembly && rm(assembly.file, { force: true }));
  }

  function remember(key: string): void {
    remembered.add(key);
    if (remembered.size > maxRemembered) {
      remembered.delete(remembered.values().next().value!);
    }
  }

  function assertRoom(chunk: Chunk, assembly: Assembly): void {
    if (assembly.bytes + chunk.bytes.length > chunk.size) {
      throw new ImageIoError(
        'INVALID_IMAGE',
        `chunks of image ${chunk.id} hold more than the ${chunk.size} bytes that they announce`,
      );
    }
    const all = [...assemblies.values()].filter(({ isComplete }) => !isComplete);
    const bytes = all.reduce((sum, one) => sum + one.bytes, chunk.bytes.length);
    if (bytes > maxBytes) {
      throw new ImageIoError(
        'LIMIT_EXCEEDED',
        `${all.length} images that are not complete take ${bytes} bytes on disk, more than the ${maxBytes} of --max-incomplete-bytes`,
      );
    }
    const chunks = all.reduce((sum, one) => sum + one.waiting.length, 1);
    if (chunks > maxPendingChunks) {
      throw new ImageIoError(
        'LIMIT_EXCEEDED',
        `${chunks} chunks wait for the rest of their images, more than the limit of ${maxPendingChunks}`,
      );
    }
  }

  return {
    async add(chunk, delivery) {
      const key = chunkKey(chunk);
      if (remembered.has(key) || (!assemblies.has(key) && (await isSaved(chunk)))) {
        remember(key);
        delivery.done();
        return 'on disk';
      }
      const timestamp = Number(delivery.record.timestamp);
      const { partition } = delivery.record;
      clocks.set(partition, Math.max(timestamp, clocks.get(partition) ?? 0));

      const assembly = assemblies.get(key) ?? begin(chunk, delivery);
      assemblies.set(key, assembly);
      assembly.waiting.push({ done: delivery.done, isCurrent: delivery.isCurrent });
      if (assembly.isComplete || assembly.parts.has(chunk.index)) {
        return undefined;
      }
      assertRoom(chunk, assembly);
      assembly.isInOrder &&= chunk.index === assembly.parts.size;
      if (assembly.isInOrder) {
        assembly.hash.update(chunk.bytes);
      }
      await appendFile(assembly.file, chunk.bytes);
      assembly.parts.set(chunk.index, { start: assembly.bytes, end: assembly.bytes + chunk.bytes.length });
      assembly.bytes += chunk.bytes.length;
      assembly.newestTimestamp = Math.max(assembly.newestTimestamp, timestamp);
      assembly.receivedAt = Date.now();
      assembly.newest = placeOf(delivery.record);
      if (assembly.parts.size < chunk.count) {
        return undefined;
      }

      assembly.isComplete = true;
      const sha256 = assembly.isInOrder
        ? assembly.hash.digest('hex')
        : await putInOrder(assembly, temporaryFile());
      if (assembly.bytes !== chunk.size || sha256 !== chunk.sha256) {
        throw new ImageIoError(
          'INVALID_IMAGE',
          `${chunk.count} chunks of image ${chunk.id} make ${assembly.bytes} bytes with SHA-256 ${sha256}, ` +
            `but they announce ${chunk.size} bytes with ${chunk.sha256}`,
        );
      }
      const { bytes: _bytes, ...attributes } = chunk;
      return {
        image: { ...attributes, file: assembly.file },
        done: async () => {
          await drop(key);
          remember(key);
          for (const { done } of assembly.waiting) {
            done();
          }
        },
      };
    },
    overdue(now) {
      for (const [key, assembly] of assemblies) {
        const { waiting, newest, newestTimestamp, receivedAt, isComplete } = assembly;
        const clock = clocks.get(newest.partition) ?? 0;
        if (!waiting.some(({ isCurrent }) => isCurrent())) {
          // Another member of the group has the partition, and gets all of the chunks.
          void drop(key);
        } else if (!isComplete && (clock - newestTimestamp > timeoutMs || now - receivedAt > timeoutMs)) {
          return describe(assembly);
        }
      }
      return undefined;
    },
    incomplete: () => [...assemblies.values()].filter(({ isComplete }) => !isComplete).map(describe),
    async close() {
      await Promise.all([...assemblies.keys()].map(drop));
    },
  };
}

function describe({ id, count, parts, first, newest, newestTimestamp }: Assembly): IncompleteImage {
  return { id, count, have: parts.size, first, newest, newestTimestamp };
}

function placeOf({ topic, partition, offset }: ReceivedRecord): Place {
  return { topic, partition, offset };
}

/** Puts the file in the order of its chunks. @returns its SHA-256 */
async function putInOrder(assembly: Assembly, ordered: string): Promise<string> {
  const { file, parts, count } = assembly;
  assembly.file = ordered;
  const source = await fileSource(file);
  const hash = createHash('sha256');
  for (let index = 0; index < count; index++) {
    const { start, end } = parts.get(index)!;
    const bytes = await source.read(start, end);
    hash.update(bytes);
    await appendFile(ordered, bytes);
  }
  await rm(file);
  return hash.digest('hex');
}
