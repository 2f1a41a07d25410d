import { bytesOf, isPixelArray } from '@image-stream/codec';
import type { Image, ReceivedRecord } from '@image-stream/codec';
import type { Saved } from '@image-stream/image-io';
import type { ByteBudget, Logger, Progress, Summary } from '@image-stream/program';

/** What the flow needs; none of it has to be Kafka or a disk. */
export interface ConsumeOptions {
  /** Records in the order of their partitions, each with the word that it is on disk. */
  readonly deliveries: AsyncIterable<{ readonly record: ReceivedRecord; readonly done: () => void }>;
  /** Ends the deliveries. */
  readonly stop: () => void;
  readonly decode: (record: ReceivedRecord) => Promise<Image>;
  /** Resolves once the image is durably on disk. */
  readonly save: (image: Image) => Promise<Saved>;
  /** How many images to take; undefined takes them until the deliveries end. */
  readonly limit: number | undefined;
  readonly budget: ByteBudget;
  readonly logger: Pick<Logger, 'info' | 'error'>;
  readonly progress: Pick<Progress, 'start'>;
}

/**
 * Saves every image: several at once, within the budget, and each record is done only when its image
 * is on disk. The first record that cannot be saved ends it, once what has begun is finished; the
 * records after it come again.
 */
export async function consume(
  options: ConsumeOptions,
): Promise<Omit<Summary, 'seconds' | 'imagesPerSecond'> & { started: number }> {
  const { deliveries, stop, decode, save, limit, budget, logger, progress } = options;
  const count = { images: 0, failed: 0, skipped: 0, deadLettered: 0, payloadBytes: 0, wireBytes: 0 };
  const inFlight = new Set<Promise<void>>();
  let started = performance.now();
  let taken = 0;
  progress.start(
    () => `saved ${count.images} images${count.skipped > 0 ? `, ${count.skipped} already there` : ''}`,
    logger,
  );

  for await (const { record, done } of deliveries) {
    started = taken === 0 ? performance.now() : started;
    const release = await budget.reserve(record.value?.length ?? 0);
    if (count.failed > 0) {
      break;
    }
    const work = handle(record)
      .then(done, (error: Error) => fail(record, error))
      .finally(() => {
        release();
        inFlight.delete(work);
      });
    inFlight.add(work);
    taken += 1;
    if (taken === limit) {
      break;
    }
  }
  await Promise.all(inFlight);
  return { ...count, started };

  async function handle(record: ReceivedRecord): Promise<void> {
    const image = await decode(record);
    const saved = await save(image);
    count[saved === 'exists' ? 'skipped' : 'images'] += 1;
    count.payloadBytes += sizeOf(image);
    count.wireBytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
  }

  function fail({ topic, partition, offset }: ReceivedRecord, error: Error): void {
    count.failed += 1;
    stop();
    const next = String(BigInt(offset) + 1n);
    logger.error(
      `record ${topic}[${partition}]@${offset} cannot be saved: ${error.message}. It stays uncommitted. ` +
        'Mend the cause and run again; or, to go on without it: kafka-consumer-groups.sh --reset-offsets --execute ' +
        `--bootstrap-server HOST:PORT --group GROUP --topic ${topic}:${partition} --to-offset ${next}`,
    );
  }
}

function sizeOf({ content }: Image): number {
  return isPixelArray(content) ? bytesOf(content).length : content.bytes.length;
}
