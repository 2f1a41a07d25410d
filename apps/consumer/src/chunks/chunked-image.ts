import { createHash } from 'node:crypto';
import { appendFile, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { chunkKey, shortened } from '@image-stream/codec';
import type {
  Chunk,
  ContentEncoding,
  HeaderValue,
  ImageAttributes,
  ReceivedRecord,
  RecordPlace,
} from '@image-stream/codec';
import { fileSource, ImageIoError } from '@image-stream/image-io';
import { counted } from '@image-stream/program';
import { StorageError } from '@image-stream/storage';
import type { Workspace } from '@image-stream/storage';
import { jsonLines } from '../json-lines.ts';
import type { Delivery } from '../receive/delivery.ts';

/** An image whose chunks have all come: its payload is in a file. */
export interface AssembledImage extends ImageAttributes {
  readonly file: string;
  readonly contentEncoding: ContentEncoding | undefined;
  /** Bytes of the payload. */
  readonly size: number;
  /** SHA-256 of the payload, lower-case hex. */
  readonly sha256: string;
}

/** An image of which chunks have come, on disk. */
export interface ChunkedImage {
  /** What tells it from all others. */
  readonly key: string;
  readonly id: string;
  /** Bytes that the image has when it is whole. */
  readonly size: number;
  /** How many chunks there are, and how many of them have come. */
  readonly count: number;
  readonly have: number;
  /** The first of its records to come, for which the commit waits, and the last one. */
  readonly first: RecordPlace;
  readonly newest: RecordPlace;
  /** Of the newest chunk by its record, in milliseconds since 1970, and by the clock of whoever receives it. */
  readonly newestTimestamp: number;
  readonly receivedAt: number;
  /** Bytes that it takes on disk. */
  readonly bytesOnDisk: number;
  /** How many records wait for it. */
  readonly waiting: number;
  /** True once all its chunks are there, or more bytes than they may hold. */
  readonly hasEnded: boolean;
  /** Whether a chunk has come. */
  has(index: number): boolean;
  /** False once its records may be another member's of the group. */
  isCurrent(): boolean;
  /** Takes a chunk; when that fails, it can be given again. */
  add(chunk: Chunk, delivery: Delivery): Promise<void>;
  /**
   * The image, once it has ended.
   *
   * @throws ImageIoError `INVALID_IMAGE` when the chunks do not make what they announce
   */
  image(): Promise<AssembledImage>;
  /** Its records as they came, without repeated ones. */
  records(): AsyncGenerator<ReceivedRecord>;
  /** Says of all its records that they are done, and removes what is on disk. */
  done(): Promise<void>;
  /** Removes what is on disk. */
  remove(): Promise<void>;
}

export interface ChunkedImageOptions {
  readonly workspace: Pick<Workspace, 'newFile' | 'restore'>;
  /** A clock, in milliseconds; it stands still while records are held up. */
  readonly now: () => number;
}

/** Where in the file a chunk is. */
interface Part {
  readonly start: number;
  readonly end: number;
}

/** A record without its value, which is in the other file. */
interface Envelope {
  readonly index: number;
  readonly place: RecordPlace;
  readonly timestamp: string;
  /** Base64. */
  readonly key: string | null;
  readonly headers: [name: string, values: (string | null)[]][];
}

/**
 * Begins an image. Each chunk is written to the end of its file as it comes: chunks mostly come in their order, and then
 * the file is right; otherwise it is put in order at the end. What else its records hold goes to a second file, from
 * which they can be put together again as dead letters.
 */
export function createChunkedImage(
  first: Chunk,
  { record }: Delivery,
  { workspace, now }: ChunkedImageOptions,
): ChunkedImage {
  const {
    id,
    size,
    count,
    sha256,
    bytes: _bytes,
    index: _index,
    mediaType: _mediaType,
    ...attributes
  } = first;
  const parts = new Map<number, Part>();
  const waiting: Pick<Delivery, 'done' | 'isCurrent'>[] = [];
  const hash = createHash('sha256');
  const envelopes = workspace.newFile();
  let file = workspace.newFile();
  let isInOrder = true;
  let payloadBytes = 0;
  let envelopeBytes = 0;
  let newest = placeOf(record);
  let newestTimestamp = Number(record.timestamp);
  let receivedAt = now();
  let assembled: AssembledImage | undefined;

  const chunked: ChunkedImage = {
    key: chunkKey(first),
    id,
    size,
    count,
    first: placeOf(record),
    get have() {
      return parts.size;
    },
    get newest() {
      return newest;
    },
    get newestTimestamp() {
      return newestTimestamp;
    },
    get receivedAt() {
      return receivedAt;
    },
    get bytesOnDisk() {
      return payloadBytes + envelopeBytes;
    },
    get waiting() {
      return waiting.length;
    },
    get hasEnded() {
      return parts.size === count || payloadBytes > size;
    },
    has: (index) => parts.has(index),
    isCurrent: () => waiting.length === 0 || waiting.some((one) => one.isCurrent()),
    async add(chunk, delivery) {
      if (!chunked.hasEnded && !parts.has(chunk.index)) {
        const envelope = envelopeOf(chunk, delivery.record);
        await write(chunk.bytes, envelope);
        isInOrder &&= chunk.index === parts.size;
        if (isInOrder) {
          hash.update(chunk.bytes);
        }
        parts.set(chunk.index, { start: payloadBytes, end: payloadBytes + chunk.bytes.length });
        payloadBytes += chunk.bytes.length;
        envelopeBytes += envelope.length;
        newestTimestamp = Math.max(newestTimestamp, Number(delivery.record.timestamp));
        receivedAt = now();
        newest = placeOf(delivery.record);
      }
      waiting.push({ done: delivery.done, isCurrent: delivery.isCurrent });
    },
    async image() {
      assembled ??= await assemble();
      return assembled;
    },
    async *records() {
      const source = await fileSource(file);
      for await (const envelope of jsonLines<Envelope>(envelopes)) {
        const { index, place, timestamp, key, headers } = envelope;
        const { start, end } = parts.get(index)!;
        yield {
          ...place,
          timestamp,
          key: key === null ? null : Buffer.from(key, 'base64'),
          value: await source.read(start, end),
          headers: Object.fromEntries(headers.map(([name, values]) => [name, headerOf(values)])),
        };
      }
    },
    async done() {
      await chunked.remove();
      for (const { done } of waiting) {
        done();
      }
    },
    async remove() {
      // What cannot be removed now goes with the workspace.
      await Promise.allSettled([rm(file, { force: true }), rm(envelopes, { force: true })]);
    },
  };
  return chunked;

  async function write(bytes: Uint8Array, envelope: Uint8Array): Promise<void> {
    try {
      await writeAt(file, bytes, payloadBytes);
      await writeAt(envelopes, envelope, envelopeBytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw error;
      }
      if (parts.size > 0) {
        throw new StorageError(
          'GONE',
          `the chunks of image ${shortened(id, 100)} that had come were removed from ${dirname(file)}; all of them come again`,
          { cause: error },
        );
      }
      if (await workspace.restore()) {
        await write(bytes, envelope);
        return;
      }
      throw error;
    }
  }

  async function assemble(): Promise<AssembledImage> {
    const isWhole = parts.size === count && payloadBytes === size;
    const actual = isWhole ? await putInOrder() : undefined;
    if (actual !== sha256) {
      throw new ImageIoError(
        'INVALID_IMAGE',
        `${parts.size} of ${counted(count, 'chunk')} of image ${shortened(id, 100)} made ${counted(payloadBytes, 'byte')}` +
          `${actual === undefined ? '' : ` with SHA-256 ${actual}`}, but announced ${counted(size, 'byte')} with ${sha256}`,
      );
    }
    return { id, ...attributes, file, size, sha256 };
  }

  /** Puts the file in the order of its chunks. @returns its SHA-256 */
  async function putInOrder(): Promise<string> {
    if (isInOrder) {
      return hash.copy().digest('hex');
    }
    const ordered = workspace.newFile();
    const source = await fileSource(file);
    const orderedParts = new Map<number, Part>();
    const orderedHash = createHash('sha256');
    let start = 0;
    try {
      for (let index = 0; index < count; index++) {
        const part = parts.get(index)!;
        const bytes = await source.read(part.start, part.end);
        orderedHash.update(bytes);
        await appendFile(ordered, bytes);
        orderedParts.set(index, { start, end: start + bytes.length });
        start += bytes.length;
      }
    } catch (error) {
      await rm(ordered, { force: true });
      throw error;
    }
    await rm(file);
    file = ordered;
    orderedParts.forEach((part, index) => parts.set(index, part));
    return orderedHash.digest('hex');
  }
}

/** Where a record is; without its bytes, which must not stay in memory. */
function placeOf({ topic, partition, offset }: RecordPlace): RecordPlace {
  return { topic, partition, offset };
}

/** At a position, so that after a failure the same bytes can be written again. */
async function writeAt(path: string, bytes: Uint8Array, position: number): Promise<void> {
  const handle = await open(path, position === 0 ? 'w' : 'r+');
  try {
    for (let written = 0; written < bytes.length;) {
      written += (await handle.write(bytes, written, bytes.length - written, position + written))
        .bytesWritten;
    }
  } finally {
    await handle.close();
  }
}

function envelopeOf({ index }: Chunk, record: ReceivedRecord): Buffer {
  const { timestamp, key, headers = {} } = record;
  const envelope: Envelope = {
    index,
    place: placeOf(record),
    timestamp,
    key: key === null ? null : Buffer.from(key).toString('base64'),
    headers: Object.entries(headers).map(([name, value]) => [
      name,
      [value ?? null]
        .flat()
        .map((one) => (one === null ? null : Buffer.from(one as Uint8Array).toString('base64'))),
    ]),
  };
  return Buffer.from(`${JSON.stringify(envelope)}\n`);
}

function headerOf(values: readonly (string | null)[]): HeaderValue {
  const all = values.map((value) => (value === null ? null : Buffer.from(value, 'base64')));
  return all.length === 1 ? all[0] : all;
}
