import { setImmediate } from 'node:timers/promises';
import { bytesOf, isChunk, isPixelArray } from '@image-stream/codec';
import type {
  Decoded,
  DecodedImage,
  ImageAttributes,
  ReceivedRecord,
  RecordPlace,
} from '@image-stream/codec';
import { createPool } from '@image-stream/budget';
import type { ByteBudget } from '@image-stream/budget';
import type { Accepted } from '@image-stream/storage';
import type { AssembledImage } from './chunks/chunked-image.ts';
import type { ChunkCollector } from './chunks/collector.ts';
import type { Failures } from './failures.ts';
import { originOf } from './incoming-image.ts';
import type { IncomingImage, Work } from './incoming-image.ts';
import type { Delivery } from './receive/delivery.ts';
import type { Selection } from './receive/select.ts';
import type { Room } from './room.ts';
import type { Arrival, SavedImage } from './save.ts';
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
  readonly save: (image: DecodedImage | AssembledImage, arrival: Arrival) => Promise<SavedImage>;
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
  /** Of each partition, whether what came before is accepted or never will be; false once the run has failed. */
  const decided = new Map<number, Promise<boolean>>();
  /** Images that are accepted, by what makes them durable. */
  const accepting = new Map<Accepted, Waiting[]>();
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
    const { origin, isCurrent } = incoming;
    const before = decided.get(origin.partition);
    const deciding = decide(incoming, { origin, isCurrent, turn: () => inTurn(before) });
    const isDecided = deciding.then(
      () => failures.count.failed === 0,
      () => false,
    );
    decided.set(origin.partition, isDecided);
    await deciding;
  }

  /** Until an image is accepted, holds none, or is a dead letter. */
  async function decide(incoming: IncomingImage, arrival: Arrival): Promise<void> {
    if (failures.count.failed > 0) {
      return;
    }
    taken += 1;
    const outcome = await failures.attempt(incoming, async () => {
      const image = await incoming.load();
      if (image === undefined) {
        return 'none';
      }
      const bytes = sizeOf(image);
      return save(image, arrival).then((saved) => ({ bytes, ...saved }), noneForNoTurn);
    });
    if (outcome === undefined || outcome === 'none' || outcome === 'no turn') {
      taken -= 1;
      if (outcome === 'none') {
        await incoming.done(true);
      } else if (outcome === 'no turn') {
        await incoming.handBack();
      }
      return;
    }
    confirm(incoming, outcome);
  }

  /** Notes what is to be done when an image is durable, and nothing of the image: there may be many that wait for the same. */
  function confirm(incoming: IncomingImage, { how, bytes, accepted }: SavedImage & { bytes: number }): void {
    const { wireBytes, timestamp, done } = incoming;
    statistics.accepted();
    const waiting = accepting.get(accepted) ?? [];
    waiting.push({ how, bytes, wireBytes, timestamp, done });
    if (waiting.length === 1) {
      accepting.set(accepted, waiting);
      const place = { first: placeOf(incoming.first), newest: placeOf(incoming.newest) };
      confirming.add(confirmAll(place, accepted).catch(fail));
    }
  }

  async function confirmAll(place: Pick<Work, 'first' | 'newest'>, accepted: Accepted): Promise<void> {
    const isDurable = await failures.settle(place, () => accepted.durable());
    const waiting = accepting.get(accepted) ?? [];
    accepting.delete(accepted);
    for (const { how, bytes, done, ...of } of isDurable ? waiting : []) {
      statistics.saved(how, bytes, of);
      await done(true);
    }
  }

  /** An image that is in one record. */
  function imageIn(delivery: Delivery): IncomingImage {
    const { record } = delivery;
    return {
      origin: originOf(delivery),
      isCurrent: delivery.isCurrent,
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
      done: whenDone(delivery),
      handBack: async () => {},
    };
  }

  function isWanted(image: ImageAttributes): boolean {
    return selection?.isWanted(image) !== false;
  }
}

/** An image that is accepted. */
interface Waiting extends Pick<IncomingImage, 'wireBytes' | 'timestamp' | 'done'> {
  readonly how: SavedImage['how'];
  readonly bytes: number;
}

/** What keeps images does not take this one, such as after one that is not saved: it will come again. */
export class NoTurnError extends Error {}

async function inTurn(before: Promise<boolean> | undefined): Promise<void> {
  if ((await before) === false) {
    throw new NoTurnError();
  }
}

function noneForNoTurn(error: unknown): 'no turn' {
  if (error instanceof NoTurnError) {
    return 'no turn';
  }
  throw error;
}

/** By itself, so that what waits for it does not keep the record in memory. */
function whenDone({ done }: Delivery): () => Promise<void> {
  return async () => done();
}

function placeOf({ topic, partition, offset }: RecordPlace): RecordPlace {
  return { topic, partition, offset };
}

function sizeOf(image: DecodedImage | AssembledImage): number {
  if ('file' in image) {
    return image.size;
  }
  return isPixelArray(image.content) ? bytesOf(image.content).length : image.content.bytes.length;
}
