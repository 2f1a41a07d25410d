import { setImmediate } from 'node:timers/promises';
import { CodecError, deadLetterReason } from '@image-stream/codec';
import type { Decoded, ImageAttributes, ReceivedRecord } from '@image-stream/codec';
import { ImageIoError } from '@image-stream/image-io';
import { unlessAborted } from '@image-stream/kafka-client';
import { createPool } from '@image-stream/budget';
import { counted, StoppedError } from '@image-stream/program';
import type { ByteBudget } from '@image-stream/budget';
import type { Logger, Progress } from '@image-stream/program';
import type { Kept } from '@image-stream/storage';
import type { Buckets } from './buckets.ts';
import type { Found } from './check.ts';
import { compare } from './compare.ts';
import type { TopicImage } from './compare.ts';
import type { expectFile } from './expect.ts';
import { createRecordSet } from './record-set.ts';
import type { Report } from './report.ts';
import { keyOf } from './rows.ts';
import type { Row } from './rows.ts';

/** Calls `take` for one record after the other. */
type Read = (take: (record: ReceivedRecord) => Promise<void>) => Promise<void>;

/** What the flow needs; none of it has to be Kafka or a disk. */
export interface VerifyOptions {
  /** What is on disk; none where the path of an image tells all there is to know. */
  readonly files: AsyncIterable<Kept> | Iterable<Kept>;
  /** False where only a part of the topic is read, which explains only a part of them. */
  readonly isWhole: boolean;
  /** Whether they are images in shards. */
  readonly hasShards: boolean;
  readonly readTopic: Read;
  readonly readDeadLetters: Read;
  readonly decode: (record: ReceivedRecord) => Promise<Decoded>;
  readonly isWanted: (image: ImageAttributes) => boolean;
  readonly expect: (decoded: Parameters<typeof expectFile>[0]) => ReturnType<typeof expectFile>;
  readonly check: (image: TopicImage, place: string) => Promise<Found>;
  readonly buckets: Buckets<Row>;
  readonly report: Report;
  readonly budget: ByteBudget;
  readonly topic: string;
  /** Ends it: half of a comparison proves nothing. */
  readonly signal: AbortSignal;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  readonly progress: Pick<Progress, 'start'>;
}

/**
 * Notes what is on disk, then what the topic wants to be there, then what is in the dead letters, and compares.
 *
 * In this order a consumer may be at work meanwhile: a file that is seen has its record in the topic already, and
 * what it saves or sets aside while the topic is read is found.
 *
 * @returns how many records were read
 * @throws StoppedError where the user ends it; what is still read then, nobody waits for
 */
export async function verify(options: VerifyOptions): Promise<number> {
  const { signal } = options;
  const records = signal.aborted ? undefined : await unlessAborted(signal, compareAll(options));
  if (records === undefined) {
    throw new StoppedError('stopped before everything was compared, so this proves nothing');
  }
  return records;
}

async function compareAll(options: VerifyOptions): Promise<number> {
  const { files, buckets, report, budget, signal, logger, progress } = options;
  const pool = createPool(budget);
  const deadLetters = createRecordSet();
  let step = 'listing files';
  let records = 0;
  let compared = 0;
  progress.start(
    () => `${step}: ${counted(records, 'record')} read, ${counted(compared, 'image')} compared`,
    logger,
  );

  for await (const { key: path, problem, ...found } of files) {
    if (problem !== undefined) {
      logger.warn(`${path} cannot be read: ${problem}`);
    }
    note({ kind: 'file', path, ...found });
  }
  step = 'reading the topic';
  await options.readTopic(async (record) => {
    // Thousands of small records come in one fetch, and no signal arrives while nothing is waited for.
    await setImmediate();
    records += 1;
    await pool.begin(record.value?.length ?? 0, () => noteRecord(record));
  });
  await pool.drain();
  step = 'reading the dead letters';
  await options.readDeadLetters(async (record) => {
    await setImmediate();
    const place = deadLetterReason(record);
    if (place?.topic === options.topic) {
      deadLetters.add(place.partition, place.offset);
    }
  });
  step = 'comparing';
  for await (const rows of buckets.read(signal)) {
    await compare(rows, {
      deadLetters,
      hasShards: options.hasShards,
      isWhole: options.isWhole,
      check: async (image, place) => {
        const found = await options.check(image, place);
        compared += 1;
        return found;
      },
      report,
      pool,
      signal,
    });
  }
  await pool.drain();
  return records;

  function note(row: Row): void {
    // Where it has ended, the folder of the rows is gone.
    signal.throwIfAborted();
    buckets.add(keyOf(row), row);
  }

  async function noteRecord(record: ReceivedRecord): Promise<void> {
    const { partition, offset } = record;
    try {
      const decoded = await options.decode(record);
      if (decoded.kind === 'tombstone') {
        report.tombstone();
        return;
      }
      if (options.isWanted(decoded.kind === 'image' ? decoded.image : decoded.chunk)) {
        note({ kind: 'chunk', ...(await options.expect(decoded)), partition, offset });
      }
    } catch (error) {
      if (!(error instanceof CodecError || error instanceof ImageIoError)) {
        throw error;
      }
      note({ kind: 'unreadable', partition, offset, reason: error.message });
    }
  }
}
