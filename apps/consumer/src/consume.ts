import { setImmediate } from 'node:timers/promises';
import { bytesOf, isChunk, isPixelArray } from '@image-stream/codec';
import type { Decoded, DecodedImage, ImageAttributes, ReceivedRecord } from '@image-stream/codec';
import { createPool } from '@image-stream/program';
import type { ByteBudget } from '@image-stream/program';
import type { AssembledImage } from './chunks/chunked-image.ts';
import type { ChunkCollector } from './chunks/collector.ts';
import type { Failures } from './failures.ts';
import type { IncomingImage } from './incoming-image.ts';
import type { Delivery } from './receive/delivery.ts';
import type { Selection } from './receive/select.ts';
import type { Room } from './room.ts';
import type { SavedImage } from './save.ts';
import { wireBytesOf } from './statistics.ts';
import type { Statistics } from './statistics.ts';

/** What the flow needs; none of it has to be Kafka or a disk. */
export interface ConsumeOptions {
  /** Records in the order of their partitions. */
  readonly deliveries: AsyncIterable<Delivery>;
  /** Which part of the records and images to take; undefined takes all of them. */
  readonly selection?: Selection | undefined;
  readonly decode: (record: ReceivedRecord) => Promise<Decoded>;
  /** Puts together the images that come in chunks. */
  readonly chunks: ChunkCollector;
  /** Resolves once the sink has accepted the image. */
  readonly save: (image: DecodedImage | AssembledImage) => Promise<SavedImage>;
  /** Makes durable what the sink has accepted. */
  readonly flush: () => Promise<void>;
  readonly failures: Failures;
  readonly statistics: Statistics;
  readonly budget: ByteBudget;
  /** What an image takes of it. */
  readonly room: Room;
  /** How many images to take; undefined takes them until the deliveries end. */
  readonly limit: number | undefined;
  /** Ends what waits for better times, since the deliveries have failed. */
  readonly end: () => void;
  /** Called when the deliveries have ended: whether that was at the ends of all partitions. */
  readonly isAtEnd: () => boolean;
}

/** How often to look for images that wait too long for their next chunk. */
const giveUpIntervalMs = 1000;

/**
 * Saves every image: several at once, within the budget. A record is done only when its image is durable, which may be some time after
 * the sink has accepted it; meanwhile others take its place in the budget. Chunks are put together first, one after the other. What
 * becomes of an error, `failures` decides. What ends the run lets what has begun come to its end; the records after it come again.
 */
export async function consume(options: ConsumeOptions): Promise<void> {
  const { deliveries, selection, decode, chunks, save, failures, statistics, budget, room, limit } = options;
  const fail = (error: Error): void => failures.fail(error);
  const saving = createPool(budget);
  const confirming = createPool(budget);
  let taken = 0;
  let isGivingUp = false;
  const giveUpTimer = setInterval(() => {
    if (!isGivingUp) {
      isGivingUp = true;
      saving.add(
        chunks
          .giveUpLate()
          .catch(fail)
          .finally(() => (isGivingUp = false)),
      );
    }
  }, giveUpIntervalMs);

  try {
    await takeAll()
      .catch((error: unknown) => {
        options.end();
        throw error;
      })
      .finally(finishWhatHasBegun);
    await chunks.finish(options.isAtEnd());
  } finally {
    await chunks.close();
  }

  async function takeAll(): Promise<void> {
    for await (const delivery of deliveries) {
      // A fetch may bring tens of thousands of records that wait for nothing: heartbeats, probes and signals must not.
      await setImmediate();
      statistics.came();
      if (selection?.isSelected(delivery.record) === false) {
        delivery.done();
        continue;
      }
      const image = isChunk(delivery.record) ? await chunks.take(delivery) : imageIn(delivery);
      if (image === 'saved before') {
        taken += 1;
        statistics.skipped();
      } else if (image !== undefined) {
        await saving.begin(image.bytes, () => handle(image).catch(fail));
      }
      await chunks.makeRoom();
      if (taken === limit) {
        // One of those in work may turn out to be none of those that are wanted.
        await saving.drain();
      }
      if (failures.count.failed > 0 || taken === limit) {
        break;
      }
    }
  }

  async function finishWhatHasBegun(): Promise<void> {
    clearInterval(giveUpTimer);
    await saving.drain();
    await options.flush();
    await confirming.drain();
  }

  async function handle(incoming: IncomingImage): Promise<void> {
    if (failures.count.failed > 0) {
      return;
    }
    taken += 1;
    const outcome = await failures.attempt(incoming, async () => {
      const image = await incoming.load();
      return image === undefined ? 'none' : { bytes: sizeOf(image), ...(await save(image)) };
    });
    if (outcome === undefined || outcome === 'none') {
      taken -= 1;
      if (outcome === 'none') {
        await incoming.done(true);
      }
      return;
    }
    confirming.add(confirm(incoming, outcome).catch(fail));
  }

  async function confirm(incoming: IncomingImage, saved: SavedImage & { bytes: number }): Promise<void> {
    const isDurable = await failures.attempt(incoming, async () => {
      await saved.durable();
      return true;
    });
    if (isDurable === true) {
      statistics.saved(saved.how, saved.bytes, incoming);
      await incoming.done(true);
    }
  }

  /** An image that is in one record. */
  function imageIn({ record, done }: Delivery): IncomingImage {
    return {
      first: record,
      newest: record,
      bytes: room(record.value?.length ?? 0, record.value),
      wireBytes: wireBytesOf(record),
      timestamp: record.timestamp,
      async *records() {
        yield record;
      },
      async load() {
        const decoded = await decode(record);
        if (decoded.kind === 'tombstone') {
          statistics.deleted();
        }
        return decoded.kind === 'image' && isWanted(decoded.image) ? decoded.image : undefined;
      },
      done: async () => done(),
    };
  }

  function isWanted(image: ImageAttributes): boolean {
    return selection?.isWanted(image) !== false;
  }
}

function sizeOf(image: DecodedImage | AssembledImage): number {
  if ('file' in image) {
    return image.size;
  }
  return isPixelArray(image.content) ? bytesOf(image.content).length : image.content.bytes.length;
}
