import { setTimeout as sleep } from 'node:timers/promises';
import { isChunk } from '@image-stream/codec';
import type { Limits } from '@image-stream/codec';
import { describeRecord, thumbnailOf } from '@image-stream/image-io';
import type { RecordDescription } from '@image-stream/image-io';
import type { TopicRecord } from '@image-stream/kafka-config';
import { itemOf } from './items.ts';
import type { Item, TopicName } from './messages.ts';
import { thumbnailSide } from './pictures.ts';
import type { Pictures } from './pictures.ts';
import { thumbnailKey } from './thumbnails.ts';
import type { Thumbnails } from './thumbnails.ts';

/** Chooses the records of a topic that are shown as they come. */
export interface Tiles {
  /** Takes a record; it is shown, or skipped where there is no time for it. Waits only where too much waits already. */
  add(record: TopicRecord, isNews: boolean): Promise<void>;
}

export interface TileListener {
  /** An item that is new, whose thumbnail has been made where it has one, or of which more is known. */
  item(item: Item): void;
  /** A record came since the start. @param images that it completes: 0 or 1 */
  came(bytes: number, images: number): void;
  /** An image that came since the start is shown, or is not, since there is no time for it. */
  shown(): void;
  skipped(): void;
  /** A bug. */
  failed(error: unknown): void;
}

export interface TilesOptions {
  readonly topic: TopicName;
  readonly limits: Limits;
  readonly thumbnails: Thumbnails;
  readonly pictures: Pick<Pictures, 'thumbnail'>;
  readonly listener: TileListener;
  readonly signal: AbortSignal;
}

/**
 * Which share of the time is spent on thumbnails: producers and consumers may run beside the gallery. It is time on the clock, so
 * that a machine that is busy with them makes fewer.
 */
const share = 0.3;

/** What may be saved up for a burst. */
const maxSavedMs = 1500;

/** Each counts as at least so much: a page has work with them too. */
const minCostMs = 5;

/** A record that waits for longer is late. */
const horizonMs = 500;

/** So many may wait all the same, however slow the machine is: a few pictures are no flood. */
const minLine = 12;

/** Of records that wait. */
const maxWaitingBytes = 32 * 1024 ** 2;

/** Images in chunks of which the number of chunks is counted. */
const maxUploads = 1000;

/**
 * Records wait in line until there is time for their thumbnails. Of those that wait, as many are shown as there will be time for
 * before they are late, and these are spread evenly over the line: all where there is time, every tenth where ten times as many come.
 */
export function createTiles(options: TilesOptions): Tiles {
  const { topic, limits, thumbnails, pictures, listener, signal } = options;
  const uploads = new Map<string, { item: Item | undefined; readonly have: Set<number> }>();
  let waiting: TopicRecord[] = [];
  let waitingBytes = 0;
  let isWorking = false;
  let savedMs = maxSavedMs;
  let savedAt = performance.now();
  let costMs = 4 * minCostMs;
  /** Shares of records that add up to the next one that is shown. */
  let due = 0;

  /** Whether a record is among those that are shown. */
  function isChosen(): boolean {
    const affordable = Math.max(minLine, (saved() + horizonMs * share) / costMs);
    due = Math.min(2, due + Math.min(1, affordable / (waiting.length + 1)));
    if (due < 1) {
      return false;
    }
    due -= 1;
    return true;
  }

  function saved(): number {
    const now = performance.now();
    savedMs = Math.min(maxSavedMs, savedMs + (now - savedAt) * share);
    savedAt = now;
    return savedMs;
  }

  function take(): TopicRecord {
    const record = waiting.shift()!;
    waitingBytes -= bytesOf(record);
    return record;
  }

  async function work(): Promise<void> {
    while (waiting.length > 0 && !signal.aborted) {
      const record = take();
      if (isChosen()) {
        listener.shown();
        await timed(() => show(record, true));
        if (saved() < 0) {
          await sleep(-savedMs / share, undefined, { signal }).catch(() => {});
        }
      } else if (record.value !== null) {
        listener.skipped();
      }
    }
  }

  async function timed(run: () => Promise<void>): Promise<void> {
    const startedAt = performance.now();
    await run();
    const cost = Math.max(minCostMs, performance.now() - startedAt);
    costMs += (cost - costMs) / 8;
    savedMs = saved() - cost;
  }

  async function show(record: TopicRecord, isNews: boolean): Promise<void> {
    const { description, content } = await describeRecord(record, limits);
    if (description.tombstone === true) {
      return;
    }
    if (content !== undefined && isNews) {
      await made(description, description.imageBytes ?? description.recordBytes, async () => {
        const { bytes } = await thumbnailOf(content, thumbnailSide, limits);
        return bytes;
      });
    }
    listener.item(itemOf(topic, description));
  }

  /** Of what has none, a page finds out why when it asks for it. */
  async function made(
    { partition, offset }: Pick<Item, 'partition' | 'offset'>,
    bytes: number,
    make: () => Promise<Uint8Array>,
  ): Promise<void> {
    await thumbnails.get(thumbnailKey(topic, partition, offset), bytes, make, signal).catch(() => {});
  }

  /** One item of each image, however many chunks it comes in: that of the chunk which came first. */
  async function addChunk(record: TopicRecord, isNews: boolean): Promise<void> {
    const { description } = await describeRecord(record, limits);
    const { chunk, recordBytes } = description;
    if (chunk === undefined) {
      listener.item(itemOf(topic, description));
      return;
    }
    const upload = uploads.get(chunk.key) ?? begun(chunk.key, description, isNews);
    const isFirstOfItsIndex = !upload.have.has(chunk.index);
    upload.have.add(chunk.index);
    const isComplete = isFirstOfItsIndex && upload.have.size === chunk.count;
    if (isNews) {
      listener.came(recordBytes, isComplete ? 1 : 0);
    }
    if (isNews && isComplete) {
      listener[upload.item === undefined ? 'skipped' : 'shown']();
    }
    if (upload.item === undefined) {
      return;
    }
    const item = { ...upload.item, chunks: { have: upload.have.size, count: chunk.count } };
    upload.item = item;
    if (isComplete && isNews) {
      // The chunks are read again, and meanwhile others come.
      const make = (): Promise<Uint8Array> => pictures.thumbnail(item.partition, BigInt(item.offset), signal);
      timed(() => made(item, item.imageBytes ?? 0, make)).then(
        () => listener.item(item),
        (error: unknown) => listener.failed(error),
      );
    } else {
      listener.item(item);
    }
  }

  function begun(key: string, description: RecordDescription, isNews: boolean) {
    const item = !isNews || isChosen() ? itemOf(topic, description) : undefined;
    const upload = { item, have: new Set<number>() };
    uploads.set(key, upload);
    if (uploads.size > maxUploads) {
      uploads.delete(uploads.keys().next().value!);
    }
    return upload;
  }

  return {
    async add(record, isNews) {
      if (isChunk(record)) {
        await addChunk(record, isNews);
        return;
      }
      if (!isNews) {
        await show(record, false);
        return;
      }
      listener.came(bytesOf(record), record.value === null ? 0 : 1);
      waiting.push(record);
      waitingBytes += bytesOf(record);
      while (waitingBytes > maxWaitingBytes && waiting.length > 1) {
        if (take().value !== null) {
          listener.skipped();
        }
      }
      if (!isWorking) {
        isWorking = true;
        work().then(
          () => (isWorking = false),
          (error: unknown) => listener.failed(error),
        );
      }
    },
  };
}

function bytesOf({ key, value }: TopicRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0);
}
