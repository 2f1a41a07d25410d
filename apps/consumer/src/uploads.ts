import type { Decoded, ImageAttributes, ReceivedRecord } from '@image-stream/codec';
import type { Logger } from '@image-stream/program';
import type { Assembler } from './assemble.ts';
import type { Delivery } from './receive/delivery.ts';
import { workOf, workOfUpload } from './settle.ts';
import type { Settlement } from './settle.ts';
import type { Tally } from './tally.ts';
import type { Upload } from './upload.ts';

export interface UploadsOptions {
  readonly assembler: Assembler;
  readonly settlement: Settlement;
  readonly decode: (record: ReceivedRecord) => Promise<Decoded>;
  readonly isWanted: (image: ImageAttributes) => boolean;
  readonly tally: Pick<Tally, 'received'>;
  readonly logger: Pick<Logger, 'warn'>;
}

/** Images that come in chunks, until they are whole or given up. */
export interface Uploads {
  /**
   * Takes a chunk.
   *
   * @returns the upload, with the last one of an image; `on disk` with the first one of an image that is there already
   */
  take(delivery: Delivery): Promise<Upload | 'on disk' | undefined>;
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
}

export function createUploads(options: UploadsOptions): Uploads {
  const { assembler, settlement, decode, isWanted, tally, logger } = options;

  /** @returns whether there was one */
  async function giveUpOne(clock?: number): Promise<boolean> {
    const given = settlement.count.failed === 0 ? assembler.giveUp(clock) : undefined;
    if (given === undefined) {
      return false;
    }
    await settlement.reject(workOfUpload(given.upload, assembler), given.error);
    await given.upload.remove();
    return true;
  }

  const uploads: Uploads = {
    take(delivery) {
      const { record } = delivery;
      return settlement.attempt(workOf(delivery), async () => {
        const decoded = await decode(record);
        if (decoded.kind !== 'chunk' || !isWanted(decoded.chunk)) {
          delivery.done();
          return undefined;
        }
        const added = await assembler.add(decoded.chunk, delivery);
        tally.received(record);
        // Of all the chunks of an image, the first one speaks for it.
        return added === 'on disk' && decoded.chunk.index > 0 ? undefined : added;
      });
    },
    async makeRoom() {
      while (assembler.isCrowded() && (await giveUpOne())) {
        // The next one.
      }
    },
    async giveUpLate(clock) {
      while (await giveUpOne(clock)) {
        // The next one.
      }
    },
    async finish(isAtEnd) {
      if (isAtEnd) {
        await uploads.giveUpLate(Date.now());
      }
      const waiting = settlement.count.failed > 0 ? [] : assembler.incomplete();
      for (const { id, have, count } of waiting) {
        logger.warn(
          `image ${id} is not complete yet, ${have} of ${count} chunks came; all of them come again next time`,
        );
      }
    },
  };
  return uploads;
}
