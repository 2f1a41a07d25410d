import { bytesOf, isChunk, isPixelArray } from '@image-stream/codec';
import type { Decoded, DecodedImage, ReceivedRecord } from '@image-stream/codec';
import type { Saved } from '@image-stream/image-io';
import { counted, describePace } from '@image-stream/program';
import type { ByteBudget, Logger, Progress, Summary } from '@image-stream/program';
import type { Assembler } from './assemble.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Delivery } from './delivery.ts';
import type { Patience } from './fault.ts';
import type { Monitor } from './monitor.ts';
import type { Selection } from './select.ts';
import { createSettlement, workOf, workOfUpload } from './settle.ts';
import type { Work } from './settle.ts';
import type { AssembledImage } from './upload.ts';

/** What the flow needs; none of it has to be Kafka or a disk. */
export interface ConsumeOptions {
  /** Records in the order of their partitions. */
  readonly deliveries: AsyncIterable<Delivery>;
  /** Ends the deliveries. */
  readonly stop: () => void;
  /** Which part of the records and images to take; undefined takes all of them. */
  readonly selection?: Selection | undefined;
  readonly decode: (record: ReceivedRecord) => Promise<Decoded>;
  readonly assembler: Assembler;
  /** Resolves once the image is durably on disk. */
  readonly save: (image: DecodedImage | AssembledImage) => Promise<Saved>;
  /** Where bad records go; undefined stops at the first one. */
  readonly deadLetters: DeadLetters | undefined;
  /** How many bad records before the first good one are too many; undefined takes any number. */
  readonly maxBadRecords: number | undefined;
  readonly patience: Patience;
  /** Called when the deliveries have ended: whether that was at the ends of all partitions. */
  readonly isAtEnd: () => boolean;
  /** How many images to take; undefined takes them until the deliveries end. */
  readonly limit: number | undefined;
  /** How many records there are to receive, for the progress line; undefined where there is no end. */
  readonly records?: number | undefined;
  readonly budget: ByteBudget;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly progress: Pick<Progress, 'start'>;
  readonly monitor: Pick<Monitor, 'received' | 'saved' | 'failed' | 'deadLettered'>;
}

/** How often to look for images that wait too long for their next chunk. */
const giveUpIntervalMs = 1000;

/**
 * Saves every image: several at once, within the budget, and a record is done only when its image is on
 * disk. Chunks are put together first, one after the other. A bad record becomes a dead letter, and a fault of the
 * environment is waited out. Any other error ends it, once what has begun is finished; the records after it come again.
 */
export async function consume(
  options: ConsumeOptions,
): Promise<Omit<Summary, 'removed' | 'seconds' | 'imagesPerSecond'> & { started: number }> {
  const { deliveries, selection, decode, assembler, save, isAtEnd, limit, budget } = options;
  const { logger, progress, monitor } = options;
  const count = { images: 0, skipped: 0, payloadBytes: 0, wireBytes: 0 };
  const settlement = createSettlement({ ...options, hasGoodRecord: () => count.images + count.skipped > 0 });
  const inFlight = new Set<Promise<void>>();
  let started: number | undefined;
  let taken = 0;
  let received = 0;
  const [done, total] =
    limit === undefined ? [() => received, options.records] : [() => count.images + count.skipped, limit];
  progress.start(() => {
    const saved =
      limit === undefined ? counted(count.images, 'image') : `${count.images} of ${counted(limit, 'image')}`;
    const existing = count.skipped > 0 ? `, ${count.skipped} already there` : '';
    const elapsedMs = started === undefined ? 0 : performance.now() - started;
    return `saved ${saved}${existing}, ${describePace(count.images, done(), total, elapsedMs)}`;
  }, logger);
  const giveUpTimer = setInterval(() => track(giveUpUploads()), giveUpIntervalMs);

  try {
    for await (const delivery of deliveries) {
      started ??= performance.now();
      received += 1;
      if (selection?.isSelected(delivery.record) === false) {
        delivery.done();
        continue;
      }
      await (isChunk(delivery.record) ? takeChunk(delivery) : takeImage(delivery));
      await makeRoom();
      if (taken === limit) {
        // One of those in work may turn out to be none of those that are wanted.
        await Promise.all(inFlight);
      }
      if (settlement.count.failed > 0 || taken === limit) {
        break;
      }
    }
    clearInterval(giveUpTimer);
    await Promise.all(inFlight);
    await finishUploads();
  } finally {
    clearInterval(giveUpTimer);
    await assembler.close();
  }
  return { ...count, ...settlement.count, started: started ?? performance.now() };

  async function takeImage(delivery: Delivery): Promise<void> {
    const { record } = delivery;
    await begin(record.value?.length ?? 0, workOf(delivery), async () => {
      const decoded = await decode(record);
      if (decoded.kind !== 'image' || selection?.isWanted(decoded.image) === false) {
        return false;
      }
      await saveAndCount(decoded.image, sizeOf(decoded.image), record.timestamp);
      countReceived(record);
      return true;
    });
  }

  /** One after the other, so that the chunks of an image stay in their order. */
  async function takeChunk(delivery: Delivery): Promise<void> {
    const { record } = delivery;
    const upload = await settlement.attempt(workOf(delivery), async () => {
      const decoded = await decode(record);
      if (decoded.kind !== 'chunk' || selection?.isWanted(decoded.chunk) === false) {
        delivery.done();
        return undefined;
      }
      const added = await assembler.add(decoded.chunk, delivery);
      countReceived(record);
      if (added === 'on disk') {
        // Of all the chunks of an image, the first one speaks for it.
        const images = decoded.chunk.index === 0 ? 1 : 0;
        count.skipped += images;
        taken += images;
        return undefined;
      }
      return added;
    });
    if (upload !== undefined) {
      await begin(upload.size, workOfUpload(upload, assembler), async () => {
        await saveAndCount(await upload.image(), upload.size, record.timestamp);
        return true;
      });
    }
  }

  /** Starts work as soon as the budget allows it. @param run resolves to whether there was an image that is wanted */
  async function begin(bytes: number, work: Work, run: () => Promise<boolean>): Promise<void> {
    const release = await budget.reserve(bytes);
    if (settlement.count.failed > 0) {
      release();
      return;
    }
    taken += 1;
    const finish = async (): Promise<void> => {
      const isTaken = await settlement.attempt(work, run);
      taken -= isTaken === true ? 0 : 1;
      if (isTaken !== undefined) {
        await work.done(true);
      }
    };
    track(finish().finally(release));
  }

  function countReceived(record: ReceivedRecord): void {
    const bytes = wireBytesOf(record);
    count.wireBytes += bytes;
    monitor.received(bytes);
  }

  /** @param timestamp of the record, or of the last chunk */
  async function saveAndCount(
    image: DecodedImage | AssembledImage,
    payloadBytes: number,
    timestamp: string,
  ): Promise<void> {
    const saved = await save(image);
    count[saved === 'exists' ? 'skipped' : 'images'] += 1;
    count.payloadBytes += payloadBytes;
    monitor.saved(saved, payloadBytes, Number(timestamp));
  }

  /** Gives up no more than has to go: to look at all the others after every chunk of a flood would take minutes. */
  async function makeRoom(): Promise<void> {
    while (assembler.isCrowded() && (await giveUpUpload())) {
      // The next one.
    }
  }

  /** @param clock of the records, in milliseconds since 1970. Default: what the newest one says */
  async function giveUpUploads(clock?: number): Promise<void> {
    while (await giveUpUpload(clock)) {
      // The next one.
    }
  }

  /** @returns whether there was one */
  async function giveUpUpload(clock?: number): Promise<boolean> {
    const given = settlement.count.failed === 0 ? assembler.giveUp(clock) : undefined;
    if (given === undefined) {
      return false;
    }
    await settlement.reject(workOfUpload(given.upload, assembler), given.error);
    await given.upload.remove();
    return true;
  }

  /** An image that is cut off by the end of the run is whole in the next one, unless it is too late for that. */
  async function finishUploads(): Promise<void> {
    if (isAtEnd()) {
      await giveUpUploads(Date.now());
    }
    const waiting = settlement.count.failed > 0 ? [] : assembler.incomplete();
    for (const { id, have, count: all } of waiting) {
      logger.warn(
        `image ${id} is not complete yet, ${have} of ${all} chunks came; all of them come again next time`,
      );
    }
  }

  function track(work: Promise<void>): void {
    const tracked = work
      .catch((error: Error) => settlement.fail(error))
      .finally(() => {
        inFlight.delete(tracked);
      });
    inFlight.add(tracked);
  }
}

function sizeOf({ content }: DecodedImage): number {
  return isPixelArray(content) ? bytesOf(content).length : content.bytes.length;
}

function wireBytesOf({ key, value }: ReceivedRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0);
}
