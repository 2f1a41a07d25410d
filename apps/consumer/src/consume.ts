import { bytesOf, isChunk, isPixelArray } from '@image-stream/codec';
import type { Decoded, DecodedImage, ReceivedRecord } from '@image-stream/codec';
import type { Saved } from '@image-stream/image-io';
import type { ByteBudget, Logger, Progress, Summary } from '@image-stream/program';
import type { Selection } from './select.ts';
import type { AssembledImage, Assembler, Delivery, IncompleteImage, Place } from './assemble.ts';

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
  /** Called when the deliveries have ended: whether that was at the ends of all partitions. */
  readonly isAtEnd: () => boolean;
  /** How long an image may wait for its next chunk, in milliseconds. */
  readonly chunkTimeoutMs: number;
  /** How many images to take; undefined takes them until the deliveries end. */
  readonly limit: number | undefined;
  readonly budget: ByteBudget;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly progress: Pick<Progress, 'start'>;
}

/** How often to look for images that wait too long for their next chunk. */
const overdueIntervalMs = 1000;

/**
 * Saves every image: several at once, within the budget, and a record is done only when its image is on
 * disk. Chunks are put together first, one after the other. The first record that cannot be saved ends it,
 * once what has begun is finished; the records after it come again.
 */
export async function consume(
  options: ConsumeOptions,
): Promise<Omit<Summary, 'seconds' | 'imagesPerSecond'> & { started: number }> {
  const { deliveries, stop, decode, assembler, save, isAtEnd, chunkTimeoutMs, limit, budget } = options;
  const { selection, logger, progress } = options;
  const count = { images: 0, failed: 0, skipped: 0, deadLettered: 0, payloadBytes: 0, wireBytes: 0 };
  const inFlight = new Set<Promise<void>>();
  let started: number | undefined;
  let taken = 0;
  progress.start(
    () => `saved ${count.images} images${count.skipped > 0 ? `, ${count.skipped} already there` : ''}`,
    logger,
  );
  const overdueTimer = setInterval(failOverdue, overdueIntervalMs);

  try {
    for await (const delivery of deliveries) {
      started ??= performance.now();
      if (selection?.isSelected(delivery.record) === false) {
        delivery.done();
        continue;
      }
      await (isChunk(delivery.record) ? takeChunk(delivery) : takeImage(delivery));
      failOverdue();
      if (taken === limit) {
        // One of those in work may turn out to be none of those that are wanted.
        await Promise.all(inFlight);
      }
      if (count.failed > 0 || taken === limit) {
        break;
      }
    }
    await Promise.all(inFlight);
    reportIncomplete();
  } finally {
    clearInterval(overdueTimer);
    await assembler.close();
  }
  return { ...count, started: started ?? performance.now() };

  async function takeImage({ record, done }: Delivery): Promise<void> {
    taken += 1;
    await begin(record, record.value?.length ?? 0, async () => {
      const decoded = await decode(record);
      if (decoded.kind !== 'image' || selection?.isWanted(decoded.image) === false) {
        taken -= 1;
      } else {
        await saveAndCount(decoded.image, sizeOf(decoded.image));
        count.wireBytes += wireBytesOf(record);
      }
      done();
    });
  }

  /** One after the other, so that the chunks of an image stay in their order. */
  async function takeChunk(delivery: Delivery): Promise<void> {
    const { record } = delivery;
    let assembled: Awaited<ReturnType<Assembler['add']>>;
    try {
      const decoded = await decode(record);
      if (decoded.kind !== 'chunk' || selection?.isWanted(decoded.chunk) === false) {
        delivery.done();
        return;
      }
      assembled = await assembler.add(decoded.chunk, delivery);
      count.wireBytes += wireBytesOf(record);
      if (assembled === 'on disk') {
        // Of all the chunks of an image, the first one speaks for it.
        const images = decoded.chunk.index === 0 ? 1 : 0;
        count.skipped += images;
        taken += images;
        return;
      }
    } catch (error) {
      fail(record, error as Error);
      return;
    }
    if (assembled !== undefined) {
      const { image, done } = assembled;
      taken += 1;
      await begin(record, image.size, async () => {
        await saveAndCount(image, image.size);
        await done();
      });
    }
  }

  /** Starts work as soon as the budget allows it. */
  async function begin(record: ReceivedRecord, bytes: number, run: () => Promise<void>): Promise<void> {
    const release = await budget.reserve(bytes);
    if (count.failed > 0) {
      release();
      return;
    }
    const work = run()
      .catch((error: Error) => fail(record, error))
      .finally(() => {
        release();
        inFlight.delete(work);
      });
    inFlight.add(work);
  }

  async function saveAndCount(image: DecodedImage | AssembledImage, payloadBytes: number): Promise<void> {
    const saved = await save(image);
    count[saved === 'exists' ? 'skipped' : 'images'] += 1;
    count.payloadBytes += payloadBytes;
  }

  /** An image that is cut off by the end of the run is whole in the next one. */
  function reportIncomplete(): void {
    const waiting = count.failed > 0 ? [] : assembler.incomplete();
    for (const image of waiting) {
      const { id, have, count: all, newestTimestamp } = image;
      if (isAtEnd() && Date.now() - newestTimestamp > chunkTimeoutMs) {
        failIncomplete(image);
        break;
      }
      logger.warn(
        `image ${id} is not complete yet, ${have} of ${all} chunks came; all of them come again next time`,
      );
    }
  }

  function failOverdue(): void {
    const image = count.failed === 0 ? assembler.overdue(Date.now()) : undefined;
    if (image !== undefined) {
      failIncomplete(image);
    }
  }

  function failIncomplete(image: IncompleteImage): void {
    const { id, have, count: all, first } = image;
    const reason = `only ${have} of the ${all} chunks of image ${id} came within --chunk-timeout`;
    fail(first, new Error(reason), image);
  }

  function fail(
    place: Place,
    error: Error,
    { newest }: Pick<IncompleteImage, 'newest'> = { newest: place },
  ): void {
    count.failed += 1;
    stop();
    const { topic, partition, offset } = place;
    const next = String(BigInt(newest.offset) + 1n);
    logger.error(
      `record ${topic}[${partition}]@${offset} cannot be saved: ${error.message}. It stays uncommitted. ` +
        'Mend the cause and run again; or, to go on without it: kafka-consumer-groups.sh --reset-offsets --execute ' +
        `--bootstrap-server HOST:PORT --group GROUP --topic ${topic}:${partition} --to-offset ${next}`,
    );
  }
}

function sizeOf({ content }: DecodedImage): number {
  return isPixelArray(content) ? bytesOf(content).length : content.bytes.length;
}

function wireBytesOf({ key, value }: ReceivedRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0);
}
