import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import type { ReceivedRecord } from '@image-stream/codec';
import {
  assertSelection,
  defaultDecodedAtOnce,
  defaultMaxInFlightBytes,
  NoTurnError,
  receiveImages,
  roomOf,
  silentMonitor,
  sourcesOf,
} from '@image-stream/consumer';
import type { DeadLetters, Keeper } from '@image-stream/consumer';
import { loadProperties } from '@image-stream/kafka-config';
import { createBudget } from '@image-stream/budget';
import { UsageError } from '@image-stream/program';
import { openScratchWorkspace } from '@image-stream/storage';
import type { Workspace } from '@image-stream/storage';
import { ImageStreamError } from './errors.ts';
import { createHandOver } from './hand-over.ts';
import type { HandOver } from './hand-over.ts';
import { openImage } from './open-image.ts';
import type { KafkaOptions } from './options.ts';
import type { ReceivedImage } from './received-image.ts';
import { assertNumbers, givenBy, limitsOf, loggerOf, noProgress } from './settings.ts';

/** A record that holds no image, and why. */
export interface BadRecord {
  /** As it came. */
  readonly record: ReceivedRecord;
  /** Its `code` is stable, such as `INVALID_IMAGE`. */
  readonly error: Error & { readonly code: string };
}

/** What `receive` can be told. */
export interface ReceiveOptions extends KafkaOptions {
  /** The consumer group, Kafka's `group.id`. Default: `image-consumer`. */
  readonly group?: string | undefined;
  /** Ends after so many images. */
  readonly limit?: number | undefined;
  /** Ends at the ends that the partitions had at the start. Default: it waits for more. */
  readonly stopAtEnd?: boolean | undefined;
  /** Reads the topic again, whatever the group has committed. */
  readonly fromBeginning?: boolean | undefined;
  /** Images of this customer only. This and the next three read without a group, and commit nothing. */
  readonly customer?: string | undefined;
  /** Records from this time on. */
  readonly since?: Date | undefined;
  /** Records before this time; then it ends. */
  readonly until?: Date | undefined;
  /** These partitions only. */
  readonly partitions?: readonly number[] | undefined;
  /**
   * What becomes of a record that holds no image: it goes to the dead-letter topic, it ends the loop with an error, or a function
   * takes it, and it is done with when that resolves. Default: `dead-letter`.
   */
  readonly onError?: 'dead-letter' | 'stop' | ((bad: BadRecord) => void | Promise<void>) | undefined;
  /** Default: the topic with `.dead-letter` behind it. */
  readonly deadLetterTopic?: string | undefined;
  /** Ends with an error when so many records are bad before the first good one; 0 never does. Default: 100. */
  readonly maxBadRecords?: number | undefined;
  /** How many images are fetched and decoded ahead of the loop. Default: 32. */
  readonly maxInFlightImages?: number | undefined;
  /** How long an image may wait for its next chunk, in milliseconds. Default: 10 minutes. */
  readonly chunkTimeoutMs?: number | undefined;
  /** Bytes on disk of images whose chunks have not all come. Default: 16 GiB. */
  readonly maxIncompleteBytes?: number | undefined;
  /** Where chunks are put together. Default: the system's temporary folder. */
  readonly scratchDirectory?: string | undefined;
}

const defaultMaxInFlightImages = 32;

/**
 * Receives images, as a member of a consumer group: each partition's in their order, whole, checked, until the loop ends.
 *
 * An image is done with when the loop asks for the next one: its offset may be committed then, after all those before it. When the loop
 * ends at an image, by `break` or an error, that image stays uncommitted and comes again, to whoever reads next. So does one that was in
 * the loop when the process was killed: what a loop does must be right when it is done twice.
 *
 * @example
 * ```ts
 * for await (const { id, content } of receive({ topic: 'scans', group: 'archive' })) {
 *   console.log(id, isPixelArray(content) ? content.shape : content.mediaType);
 * }
 * ```
 * @throws KafkaConfigError when Kafka cannot be reached, or refuses; ImageStreamError for options that are not allowed, and for a record
 * that cannot be received; what the file system says where chunks are put together
 */
export async function* receive(options: ReceiveOptions = {}): AsyncGenerator<ReceivedImage, void, undefined> {
  assertOptions(options);
  const handOver = createHandOver<ReceivedImage>();
  const stopping = new AbortController();
  const stop = (): void => {
    stopping.abort();
    handOver.close();
  };
  const { signal, scratchDirectory = tmpdir() } = options;
  const workspace = await openScratchWorkspace(resolve(scratchDirectory), 'receive');
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) {
    stop();
  }
  const running = run(options, keeperFor(handOver, workspace, options), stopping.signal)
    .finally(() => workspace.close())
    .finally(() => signal?.removeEventListener('abort', stop));
  running.then(
    () => handOver.close(),
    (error: Error) => handOver.close(error),
  );
  try {
    yield* handOver;
  } finally {
    stop();
    // What is done is committed, and the group left.
    await running;
  }
}

async function run(options: ReceiveOptions, keeper: Keeper, signal: AbortSignal): Promise<void> {
  const {
    group,
    onError = 'dead-letter',
    maxInFlightBytes: budgetBytes = defaultMaxInFlightBytes(),
  } = options;
  const properties = await loadProperties(
    sourcesOf(givenBy(options, { 'group-id': group })),
    loggerOf(options),
  );
  const { failure } = await receiveImages({
    values: {
      topic: options.topic ?? 'data-stream',
      'num-messages': options.limit,
      'exit-at-end': options.stopAtEnd,
      'from-beginning': options.fromBeginning,
      customer: options.customer,
      since: options.since,
      until: options.until,
      partition: options.partitions === undefined ? undefined : [...options.partitions],
      'on-error': onError === 'stop' ? 'stop' : 'dead-letter',
      'dead-letter-topic': options.deadLetterTopic,
      'max-bad-records': options.maxBadRecords,
      'max-incomplete-bytes': options.maxIncompleteBytes,
      'chunk-timeout': options.chunkTimeoutMs,
    },
    properties,
    limits: limitsOf(options),
    keeper,
    deadLetters: typeof onError === 'function' ? lettersTo(onError) : undefined,
    budget: createBudget(budgetBytes, options.maxInFlightImages ?? defaultMaxInFlightImages),
    room: roomOf({ saveAs: 'original', resize: undefined, budgetBytes, atOnce: defaultDecodedAtOnce() }),
    monitor: silentMonitor,
    logger: loggerOf(options),
    progress: noProgress,
    signal,
  });
  if (failure !== undefined) {
    throw new ImageStreamError('NOT_RECEIVED', failure.message, { cause: failure.cause });
  }
}

/** What takes images by handing them to the loop, each partition's in their order. */
function keeperFor(handOver: HandOver<ReceivedImage>, workspace: Workspace, options: ReceiveOptions): Keeper {
  const limits = limitsOf(options);
  const durable = { durable: async () => {} };
  return {
    workspace,
    hasShards: false,
    async save(image, { origin, turn, isCurrent = () => true }) {
      const received = await openImage(image, origin!, limits);
      await turn?.();
      // After a rebalance, another member of the group has got it.
      if (!(await handOver.offer(received, isCurrent))) {
        throw new NoTurnError();
      }
      return { how: 'written', accepted: durable };
    },
    isSaved: async () => false,
    flush: async () => {},
    classify: () => undefined,
  };
}

function lettersTo(take: (bad: BadRecord) => void | Promise<void>): DeadLetters {
  return {
    destination: 'to onError',
    async send(records, error) {
      for await (const record of records) {
        await take({ record, error });
      }
      return true;
    },
    close: async () => {},
  };
}

/** @throws ImageStreamError `INVALID_OPTION` */
function assertOptions(options: ReceiveOptions): void {
  assertNumbers(options, ['limit', 'maxInFlightBytes', 'maxInFlightImages', 'maxImageBytes']);
  assertNumbers(options, ['maxImagePixels', 'chunkTimeoutMs', 'maxIncompleteBytes']);
  assertNumbers(options, ['maxBadRecords'], 0);
  const { customer, since, until, partitions, group, fromBeginning, onError, deadLetterTopic } = options;
  if (deadLetterTopic !== undefined && onError !== undefined && onError !== 'dead-letter') {
    throw new ImageStreamError(
      'INVALID_OPTION',
      'deadLetterTopic has no effect with another onError than dead-letter',
    );
  }
  try {
    const partition = partitions === undefined ? undefined : [...partitions];
    assertSelection({
      customer,
      since,
      until,
      partition,
      'group-id': group,
      'from-beginning': fromBeginning,
    });
  } catch (error) {
    if (error instanceof UsageError) {
      throw new ImageStreamError('INVALID_OPTION', error.message, { cause: error });
    }
    throw error;
  }
}
