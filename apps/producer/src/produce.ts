import { bytesOf, isPixelArray } from '@image-stream/codec';
import type { Image, OutgoingRecord } from '@image-stream/codec';
import { isProgrammingError, KafkaConfigError } from '@image-stream/kafka-config';
import { createPool } from '@image-stream/budget';
import { counted, describePace, oneLine, timing } from '@image-stream/program';
import type { ByteBudget } from '@image-stream/budget';
import type { Logger, Progress, Summary } from '@image-stream/program';
import type { Monitor } from './monitor.ts';
import type { LearnedLimit } from './record-limit.ts';
import type { Pending } from './source.ts';

/** What the flow needs; none of it has to be Kafka. */
export interface ProduceOptions {
  readonly images: AsyncIterable<Pending>;
  /** How many images there will be, for the progress line; undefined where nobody knows. */
  readonly total: number | undefined;
  /** Whether images may be long in coming, which then is said. */
  readonly isEndless: boolean;
  /** How many files wait to become whole, for the progress line. */
  readonly incomplete: () => number;
  /** An image as the records that carry it. */
  readonly encode: (image: Image) => AsyncIterable<OutgoingRecord>;
  /** Resolves once the record is acknowledged, to its partition where the broker says it. */
  readonly send: (record: OutgoingRecord, partition: number | undefined) => Promise<number | undefined>;
  /** What `encode` keeps to; an image that is refused all the same is sent again within a lower one. */
  readonly limit: Pick<LearnedLimit, 'bytes' | 'refused'>;
  readonly budget: ByteBudget;
  /** The names of images that are on their way, for whoever has to end it at once. */
  readonly undelivered: Set<string>;
  readonly logger: Pick<Logger, 'info' | 'error'>;
  readonly progress: Pick<Progress, 'start'>;
  readonly monitor: Pick<Monitor, 'sent' | 'failed'>;
}

/** For so long nothing must have been sent before it is said that nothing comes. */
const idleMs = 5000;

/**
 * Sends every image: several at once, within the budget. An image that cannot be read, encoded or
 * delivered is reported with its name and counted, and does not stop the others.
 */
export async function produce({
  images,
  total,
  isEndless,
  incomplete,
  encode,
  send,
  limit,
  budget,
  undelivered,
  logger,
  progress,
  monitor,
}: ProduceOptions): Promise<Summary> {
  const count = { images: 0, failed: 0, payloadBytes: 0, wireBytes: 0 };
  const pool = createPool(budget);
  const started = performance.now();
  let lastAcknowledged = started;
  progress.start(() => {
    const done = count.images + count.failed;
    const sent =
      total === undefined ? counted(count.images, 'image') : `${count.images} of ${counted(total, 'image')}`;
    const waiting = incomplete() === 0 ? '' : `, ${counted(incomplete(), 'file')} not complete yet`;
    if (isEndless && budget.inUse().slots === 0 && performance.now() - lastAcknowledged > idleMs) {
      return `waiting for images${count.images === 0 ? '' : `; sent ${sent} so far`}${waiting}`;
    }
    return `sent ${sent}, ${describePace(count.images, done, total, performance.now() - started)}${waiting}`;
  }, logger);

  for await (const pending of images) {
    await pool.begin(pending.bytes, () => deliver(pending));
  }
  await pool.drain();

  return {
    ...count,
    skipped: 0,
    deadLettered: 0,
    tombstones: 0,
    removed: 0,
    ...timing(count.images, lastAcknowledged - started),
  };

  /** @returns bytes of keys and values */
  async function sendWithinLimit(image: Image): Promise<number> {
    const { bytes } = limit;
    try {
      return await sendRecords(image);
    } catch (error) {
      const isTooLarge = error instanceof KafkaConfigError && error.code === 'RECORD_TOO_LARGE';
      if (!isTooLarge || !(await limit.refused(bytes))) {
        throw error;
      }
      return sendWithinLimit(image);
    }
  }

  async function sendRecords(image: Image): Promise<number> {
    let wireBytes = 0;
    // Chosen once: the chunks of an image stay together also when partitions are added meanwhile.
    let partition: number | undefined;
    for await (const record of encode(image)) {
      partition = await send(record, partition);
      wireBytes += Buffer.byteLength(record.key) + record.value.length;
    }
    return wireBytes;
  }

  async function note(name: string, acknowledged: () => Promise<void>): Promise<void> {
    await acknowledged().catch((error: Error) => {
      const reason = `that was not noted, so it will be sent again: ${error.message}`;
      logger.error(oneLine(`${name} was sent, but ${reason}`));
    });
  }

  async function deliver({
    name,
    load,
    acknowledged,
    failed,
    dispose,
    isAgain = false,
  }: Pending): Promise<void> {
    undelivered.add(name);
    try {
      const image = await load();
      const wireBytes = await sendWithinLimit(image);
      count.images += 1;
      count.failed -= Number(isAgain);
      const payloadBytes = sizeOf(image);
      count.payloadBytes += payloadBytes;
      count.wireBytes += wireBytes;
      monitor.sent(payloadBytes, wireBytes);
      lastAcknowledged = performance.now();
      if (acknowledged !== undefined) {
        // Whoever notes it takes no room from the next image.
        pool.add(note(name, acknowledged));
      }
    } catch (error) {
      count.failed += Number(!isAgain);
      monitor.failed();
      const { message, stack } = error as Error;
      const outlook = failed?.(error as Error) === true ? ', and will be tried again' : '';
      const reason = isProgrammingError(error) ? stack : oneLine(message);
      logger.error(`${oneLine(name)} was not sent${outlook}: ${reason}`);
    } finally {
      undelivered.delete(name);
      await dispose?.();
    }
  }
}

function sizeOf({ content }: Image): number {
  if (isPixelArray(content)) {
    return bytesOf(content).length;
  }
  return 'source' in content ? content.source.size : content.bytes.length;
}
