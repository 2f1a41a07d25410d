import { setTimeout as sleep } from 'node:timers/promises';
import { decodePayload, decodeRecord, isChunk, resolveLimits } from '@image-stream/codec';
import type { Chunk, Limits } from '@image-stream/codec';
import { describeRecord, thumbnailOf } from '@image-stream/image-io';
import type { TopicRecord } from '@image-stream/kafka-client';
import { share } from './allowance.ts';
import type { Allowance } from './allowance.ts';
import { itemOf } from './items.ts';
import type { Item, TopicName } from './messages.ts';
import { thumbnailSide } from './pictures.ts';
import { thumbnailKey } from './thumbnails.ts';
import type { Thumbnails } from './thumbnails.ts';

/** Chooses the records of a topic that are shown as they come. */
export interface Tiles {
  /** Takes a record: it is shown, or skipped where there is no time for it. */
  add(record: TopicRecord, isNews: boolean): Promise<void>;
}

export interface TileListener {
  /** An item that is new, whose thumbnail has been made where it has one, or of which more is known. */
  item(item: Item): void;
  /** A record came since the start. @param images that it completes: 0 or 1 */
  came(bytes: number, images: number): void;
  /** An image that came since the start is shown. */
  shown(): void;
  /** One is not, since there is no time for it. */
  skipped(place: PlaceOfRecord): void;
  /** A bug. */
  failed(error: unknown): void;
}

type PlaceOfRecord = Pick<TopicRecord, 'partition' | 'offset'>;

export interface TilesOptions {
  readonly topic: TopicName;
  readonly limits: Limits;
  readonly thumbnails: Pick<Thumbnails, 'get'>;
  readonly allowance: Allowance;
  readonly listener: TileListener;
  readonly signal: AbortSignal;
}

/** Each counts as at least so much: a page has work with them too. */
const minCostMs = 10;

/** A record that waits for longer is late. */
const horizonMs = 500;

/** So many may wait all the same, however slow the machine is: a few pictures are no flood. */
const minLine = 12;

/** Of records that wait. */
const maxWaitingBytes = 32 * 1024 ** 2;

/** Images in chunks of which the number of chunks is counted. */
const maxUploads = 1000;

/** An image that is complete sooner is shown as such at once. */
const slowMs = 1000;

/** Of chunks whose images are not complete; a page asks for the thumbnails of what is larger. */
const maxChunkBytes = 64 * 1024 ** 2;

/** What waits in line. */
interface Waiting {
  readonly place: PlaceOfRecord;
  readonly bytes: number;
  /** Whether it counts as an image that is not shown if it is passed over. */
  readonly isImage: boolean;
  /** Whether it was chosen before, when its first chunk came. */
  readonly wasChosen: boolean;
  show(): Promise<void>;
}

/** An image that comes in chunks. */
interface Upload {
  /** Of the chunk that came first. */
  readonly place: PlaceOfRecord;
  /** Undefined where it was not chosen. */
  item: Item | undefined;
  /** Whether it takes so long that it is shown before it is complete. */
  isSlow: boolean;
  readonly have: Set<number>;
  readonly parts: Map<number, Uint8Array>;
}

/**
 * Records wait in line until there is time for their thumbnails. Of those that wait, as many are shown as there will be time for
 * before they are late, and these are spread evenly over the line: all where there is time, every tenth where ten times as many come.
 */
export function createTiles(options: TilesOptions): Tiles {
  const { topic, limits, thumbnails, allowance, listener, signal } = options;
  const uploads = new Map<string, Upload>();
  const waiting: Waiting[] = [];
  let isWorking = false;
  let costMs = 2 * minCostMs;
  /** Shares of records that add up to the next one that is shown. */
  let due = 0;

  /** How many of those that wait can be shown before they are late. */
  function affordable(): number {
    return Math.max(minLine, (allowance.saved() + horizonMs * share) / costMs);
  }

  /** Whether a record that has waited is among those that are shown. */
  function isChosen(): boolean {
    due = Math.min(2, due + Math.min(1, affordable() / (waiting.length + 1)));
    if (due < 1) {
      return false;
    }
    due -= 1;
    return true;
  }

  function enqueue(one: Waiting): void {
    waiting.push(one);
    allowance.waitingBytes += one.bytes;
    while (allowance.waitingBytes > maxWaitingBytes && waiting.length > 1) {
      pass(take());
    }
    if (!isWorking) {
      isWorking = true;
      work().then(
        () => (isWorking = false),
        (error: unknown) => listener.failed(error),
      );
    }
  }

  function take(): Waiting {
    const one = waiting.shift()!;
    allowance.waitingBytes -= one.bytes;
    return one;
  }

  function pass({ isImage, place }: Waiting): void {
    if (isImage) {
      listener.skipped(place);
    }
  }

  async function work(): Promise<void> {
    while (waiting.length > 0 && !signal.aborted) {
      const one = take();
      if (one.wasChosen || isChosen()) {
        listener.shown();
        await timed(() => one.show());
        const saved = allowance.saved();
        if (saved < 0) {
          await sleep(-saved / share, undefined, { signal }).catch(() => {});
        }
      } else {
        pass(one);
      }
    }
  }

  async function timed(run: () => Promise<void>): Promise<void> {
    const startedAt = performance.now();
    await run();
    const cost = Math.max(minCostMs, performance.now() - startedAt);
    costMs += (cost - costMs) / 8;
    allowance.spend(cost);
  }

  async function show(record: TopicRecord, isNews: boolean): Promise<void> {
    const { description, content } = await describeRecord(record, limits);
    if (description.tombstone === true) {
      return;
    }
    if (content !== undefined && isNews) {
      await made(record, description.imageBytes ?? description.recordBytes, async () => {
        const { bytes } = await thumbnailOf(content, thumbnailSide, limits);
        return bytes;
      });
    }
    listener.item(itemOf(topic, record, description));
  }

  /** Of what has none, a page finds out why when it asks for it. */
  async function made(
    { topicId, partition, offset }: Pick<TopicRecord, 'topicId' | 'partition' | 'offset'>,
    bytes: number,
    make: () => Promise<Uint8Array>,
  ): Promise<void> {
    await thumbnails
      .get(thumbnailKey(topic, topicId, partition, offset), bytes, make, signal)
      .catch(() => {});
  }

  /** One item of each image, however many chunks it comes in: that of the chunk which came first. */
  async function addChunk(record: TopicRecord, isNews: boolean): Promise<void> {
    const { description } = await describeRecord(record, limits);
    const { chunk, recordBytes } = description;
    if (chunk === undefined) {
      listener.item(itemOf(topic, record, description));
      return;
    }
    const { key, index, count } = chunk;
    const isShown = !isNews || waiting.length < affordable();
    const upload =
      uploads.get(key) ?? begun(key, record, isShown ? itemOf(topic, record, description) : undefined);
    const isNew = !upload.have.has(index);
    upload.have.add(index);
    const isComplete = isNew && upload.have.size === count;
    if (isNews) {
      listener.came(recordBytes, isComplete ? 1 : 0);
    }
    if (upload.item === undefined) {
      if (isNews && isComplete) {
        listener.skipped(upload.place);
      }
      return;
    }
    const item = { ...upload.item, chunks: { have: upload.have.size, count } };
    upload.item = item;
    const contentEncoding = await keepPart(upload, record);
    if (!isComplete || upload.parts.size < count) {
      if (isComplete || upload.isSlow || !isNews) {
        listener.item(item);
      }
      return;
    }
    const parts = Array.from({ length: count }, (_, one) => upload.parts.get(one)!);
    forgetParts(upload);
    enqueue({
      place: upload.place,
      bytes: parts.reduce((sum, part) => sum + part.length, 0),
      isImage: true,
      wasChosen: true,
      async show() {
        await made(item, 2 * (item.imageBytes ?? 0), async () => {
          const content = await decodePayload(Buffer.concat(parts), contentEncoding, resolveLimits(limits));
          return (await thumbnailOf(content, thumbnailSide, limits)).bytes;
        });
        listener.item(item);
      },
    });
  }

  function begun(key: string, { partition, offset }: PlaceOfRecord, item: Item | undefined): Upload {
    const place = { partition, offset };
    const upload: Upload = { place, item, isSlow: false, have: new Set(), parts: new Map() };
    setTimeout(() => {
      upload.isSlow = true;
      const { chunks } = upload.item ?? {};
      if (chunks !== undefined && chunks.have < chunks.count) {
        listener.item(upload.item!);
      }
    }, slowMs).unref();
    uploads.set(key, upload);
    if (uploads.size > maxUploads) {
      const [oldest, given] = uploads.entries().next().value!;
      forgetParts(given);
      uploads.delete(oldest);
    }
    return upload;
  }

  /** Keeps what a chunk carries; where there is too much, what came first is given up. @returns how the image is compressed */
  async function keepPart({ parts }: Upload, record: TopicRecord): Promise<Chunk['contentEncoding']> {
    const decoded = await decodeRecord(record, limits);
    if (decoded.kind !== 'chunk') {
      return undefined;
    }
    const { index, bytes, contentEncoding } = decoded.chunk;
    if (!parts.has(index)) {
      parts.set(index, bytes);
      allowance.chunkBytes += bytes.length;
    }
    for (const upload of uploads.values()) {
      if (allowance.chunkBytes <= maxChunkBytes) {
        break;
      }
      forgetParts(upload);
    }
    return contentEncoding;
  }

  function forgetParts({ parts }: Upload): void {
    parts.forEach((part) => (allowance.chunkBytes -= part.length));
    parts.clear();
  }

  signal.addEventListener('abort', () => {
    while (waiting.length > 0) {
      take();
    }
    uploads.forEach(forgetParts);
    uploads.clear();
  });

  return {
    async add(record, isNews) {
      if (isChunk(record)) {
        await addChunk(record, isNews);
      } else if (isNews) {
        const isImage = record.value !== null;
        listener.came(bytesOf(record), isImage ? 1 : 0);
        enqueue({
          place: record,
          bytes: bytesOf(record),
          isImage,
          wasChosen: false,
          show: () => show(record, true),
        });
      } else {
        await show(record, false);
      }
    },
  };
}

function bytesOf({ key, value }: TopicRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0);
}
