import { shortened } from '@image-stream/codec';
import type { Decoded, ImageAttributes, ReceivedRecord } from '@image-stream/codec';
import { oneLine } from '@image-stream/program';
import type { Logger } from '@image-stream/program';
import type { Origin } from '@image-stream/storage';
import type { Failures } from '../failures.ts';
import { originOf } from '../incoming-image.ts';
import type { IncomingImage, Work } from '../incoming-image.ts';
import type { Delivery } from '../receive/delivery.ts';
import { wireBytesOf } from '../statistics.ts';
import type { Room } from '../room.ts';
import type { Statistics } from '../statistics.ts';
import type { Assembler } from './assembler.ts';
import type { ChunkedImage } from './chunked-image.ts';

export interface CollectorOptions {
  readonly assembler: Assembler;
  readonly failures: Failures;
  readonly decode: (record: ReceivedRecord) => Promise<Decoded>;
  readonly isWanted: (image: ImageAttributes) => boolean;
  /** What an image takes of the budget. */
  readonly room: Room;
  readonly statistics: Pick<Statistics, 'received'>;
  readonly logger: Pick<Logger, 'warn'>;
}

/** Images that come in chunks, until they are whole or given up. */
export interface ChunkCollector {
  /**
   * Takes a chunk. Not several at once, so that the chunks of an image stay in their order.
   *
   * @returns the image, with the last one of its chunks; `saved before` with the first one of an image that is there already
   */
  take(delivery: Delivery): Promise<IncomingImage | 'saved before' | undefined>;
  /** Gives up no more than has to go: to look at all the others after every chunk of a flood would take minutes. */
  makeRoom(): Promise<void>;
  /**
   * Gives up those that have waited too long.
   *
   * @param clock of the records, in milliseconds since 1970. Default: what the newest one says
   */
  giveUpLate(clock?: number): Promise<void>;
  /**
   * Nothing comes any more. An image that is cut off by the end of the run is whole in the next one, unless it is too late
   * for that.
   */
  finish(isAtEnd: boolean): Promise<void>;
  /** Removes what is not complete; its records come again. */
  close(): Promise<void>;
}

export function createChunkCollector(options: CollectorOptions): ChunkCollector {
  const { assembler, failures, decode, isWanted, room, statistics, logger } = options;
  /** Images that are given up, until their dead letters are written and their files are gone. */
  const leaving = new Set<Promise<void>>();

  /** @returns whether there was one */
  async function giveUpOne(clock?: number): Promise<boolean> {
    const given = failures.count.failed === 0 ? assembler.giveUp(clock) : undefined;
    if (given === undefined) {
      return false;
    }
    const { image, error } = given;
    const gone = failures
      .reject(workOf(image), error)
      .finally(() => image.remove())
      .finally(() => {
        assembler.release(image);
        leaving.delete(gone);
      });
    leaving.add(gone);
    await gone;
    return true;
  }

  const collector: ChunkCollector = {
    take(delivery) {
      const { record } = delivery;
      const work = {
        first: record,
        newest: record,
        records: () => only(record),
        done: async () => delivery.done(),
      };
      return failures.attempt(work, async () => {
        const decoded = await decode(record);
        if (decoded.kind !== 'chunk' || !isWanted(decoded.chunk)) {
          delivery.done();
          return undefined;
        }
        const added = await assembler.add(decoded.chunk, delivery);
        statistics.received(wireBytesOf(record));
        if (added === 'saved before') {
          // Of all the chunks of an image, the first one speaks for it.
          return decoded.chunk.index === 0 ? added : undefined;
        }
        return added && incoming(added, originOf(delivery));
      });
    },
    async makeRoom() {
      while (assembler.isCrowded() && failures.count.failed === 0) {
        if (await giveUpOne()) {
          continue;
        }
        if (leaving.size === 0) {
          break;
        }
        // Nothing else can go; those that are on their way out have to be gone first.
        await Promise.race(leaving);
      }
    },
    async giveUpLate(clock) {
      while (await giveUpOne(clock)) {
        // The next one.
      }
    },
    async finish(isAtEnd) {
      if (isAtEnd) {
        await collector.giveUpLate(Date.now());
      }
      const waiting = failures.count.failed > 0 ? [] : assembler.incomplete();
      for (const { id, have, count } of waiting) {
        logger.warn(
          `image ${oneLine(shortened(id, 100))} is not complete yet, ${have} of ${count} chunks came; all of them come again next time`,
        );
      }
    },
    close: () => assembler.close(),
  };
  return collector;

  function workOf(image: ChunkedImage): Work {
    const { first, newest } = image;
    return {
      first,
      newest,
      records: () => image.records(),
      async done(isSaved) {
        // First: a chunk that comes in between would wait for nothing.
        assembler.settle(image, isSaved);
        await image.done();
      },
    };
  }

  function incoming(image: ChunkedImage, origin: Origin): IncomingImage {
    const { size, newestTimestamp } = image;
    return {
      ...workOf(image),
      origin,
      isCurrent: () => image.isCurrent(),
      bytes: room(size),
      // Counted chunk by chunk.
      wireBytes: 0,
      timestamp: String(newestTimestamp),
      load: () => image.image(),
      async handBack() {
        assembler.settle(image, false);
        await image.remove();
      },
    };
  }
}

async function* only(record: ReceivedRecord): AsyncGenerator<ReceivedRecord> {
  yield record;
}
