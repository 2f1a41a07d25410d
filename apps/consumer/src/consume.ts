import { bytesOf, isChunk, isPixelArray } from '@image-stream/codec';
import type { Decoded, DecodedImage, ImageAttributes, ReceivedRecord } from '@image-stream/codec';
import type { Saved } from '@image-stream/image-io';
import { createPool } from '@image-stream/program';
import type { ByteBudget, Logger, Summary } from '@image-stream/program';
import type { Assembler } from './assemble.ts';
import type { Monitor } from './monitor/monitor.ts';
import type { Delivery } from './receive/delivery.ts';
import type { Selection } from './receive/select.ts';
import { createSettlement, workOf, workOfUpload } from './settle.ts';
import type { SettlementOptions, Work } from './settle.ts';
import { createTally } from './tally.ts';
import type { TallyOptions } from './tally.ts';
import type { AssembledImage } from './upload.ts';
import { createUploads } from './uploads.ts';

/** What the flow needs; none of it has to be Kafka or a disk. */
export interface ConsumeOptions extends TallyOptions, Omit<SettlementOptions, 'hasGoodRecord'> {
  /** Records in the order of their partitions. */
  readonly deliveries: AsyncIterable<Delivery>;
  /** Which part of the records and images to take; undefined takes all of them. */
  readonly selection?: Selection | undefined;
  readonly decode: (record: ReceivedRecord) => Promise<Decoded>;
  readonly assembler: Assembler;
  /** Resolves once the image is durably on disk. */
  readonly save: (image: DecodedImage | AssembledImage) => Promise<Saved>;
  /** Called when the deliveries have ended: whether that was at the ends of all partitions. */
  readonly isAtEnd: () => boolean;
  readonly budget: ByteBudget;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly monitor: Pick<Monitor, 'received' | 'saved' | 'deleted' | 'failed' | 'deadLettered'>;
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
  const { deliveries, selection, decode, assembler, save, limit, budget } = options;
  const tally = createTally(options);
  const { count } = tally;
  const settlement = createSettlement({ ...options, hasGoodRecord: () => count.images + count.skipped > 0 });
  const isWanted = (image: ImageAttributes): boolean => selection?.isWanted(image) !== false;
  const uploads = createUploads({ ...options, settlement, isWanted, tally });
  const fail = (error: Error): void => settlement.fail(error);
  const pool = createPool(budget);
  let taken = 0;
  const giveUpTimer = setInterval(() => pool.add(uploads.giveUpLate().catch(fail)), giveUpIntervalMs);

  try {
    for await (const delivery of deliveries) {
      tally.came();
      if (selection?.isSelected(delivery.record) === false) {
        delivery.done();
        continue;
      }
      await (isChunk(delivery.record) ? takeChunk(delivery) : takeImage(delivery));
      await uploads.makeRoom();
      if (taken === limit) {
        // One of those in work may turn out to be none of those that are wanted.
        await pool.drain();
      }
      if (settlement.count.failed > 0 || taken === limit) {
        break;
      }
    }
    clearInterval(giveUpTimer);
    await pool.drain();
    await uploads.finish(options.isAtEnd());
  } finally {
    clearInterval(giveUpTimer);
    await assembler.close();
  }
  return { ...count, ...settlement.count, started: tally.started ?? performance.now() };

  async function takeImage(delivery: Delivery): Promise<void> {
    const { record } = delivery;
    await begin(record.value?.length ?? 0, workOf(delivery), async () => {
      const decoded = await decode(record);
      if (decoded.kind === 'tombstone') {
        tally.deleted();
        return false;
      }
      if (decoded.kind !== 'image' || !isWanted(decoded.image)) {
        return false;
      }
      tally.saved(await save(decoded.image), sizeOf(decoded.image), record.timestamp);
      tally.received(record);
      return true;
    });
  }

  /** Not several at once, so that the chunks of an image stay in their order. */
  async function takeChunk(delivery: Delivery): Promise<void> {
    const upload = await uploads.take(delivery);
    if (upload === 'on disk') {
      taken += 1;
      tally.skipped();
    } else if (upload !== undefined) {
      await begin(upload.size, workOfUpload(upload, assembler), async () => {
        tally.saved(await save(await upload.image()), upload.size, delivery.record.timestamp);
        return true;
      });
    }
  }

  /** Starts work as soon as the budget allows it. @param run resolves to whether there was an image that is wanted */
  async function begin(bytes: number, work: Work, run: () => Promise<boolean>): Promise<void> {
    await pool.begin(bytes, async () => {
      if (settlement.count.failed === 0) {
        taken += 1;
        await finish(work, run).catch(fail);
      }
    });
  }

  async function finish(work: Work, run: () => Promise<boolean>): Promise<void> {
    const isTaken = await settlement.attempt(work, run);
    taken -= isTaken === true ? 0 : 1;
    if (isTaken !== undefined) {
      await work.done(true);
    }
  }
}

function sizeOf({ content }: DecodedImage): number {
  return isPixelArray(content) ? bytesOf(content).length : content.bytes.length;
}
