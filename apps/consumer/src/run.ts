import { deadLetterTopicOf, decodeRecord } from '@image-stream/codec';
import type { ImageAttributes, Limits, ReceivedRecord } from '@image-stream/codec';
import {
  consumerConfig,
  loadProperties,
  openKafka,
  producerConfig,
  translate,
} from '@image-stream/kafka-config';
import type { KafkaProperties } from '@image-stream/kafka-config';
import { createBudget } from '@image-stream/budget';
import { assertHealthOptions } from '@image-stream/http';
import { emptySummary, timing, UsageError } from '@image-stream/program';
import type { ByteBudget } from '@image-stream/budget';
import type { Logger, Progress, RunContext, Summary } from '@image-stream/program';
import { inLayout, isS3Url, locationOf, openOutput, s3Settings } from '@image-stream/storage';
import type { Sink, Workspace } from '@image-stream/storage';
import kafkajs from 'kafkajs';
import { createAssembler } from './chunks/assembler.ts';
import type { AssemblerOptions } from './chunks/assembler.ts';
import { createChunkCollector } from './chunks/collector.ts';
import { consume } from './consume.ts';
import type { ConsumeOptions } from './consume.ts';
import { assertDeadLetterTopic } from './dead-letter-topic.ts';
import { assertDeadLetters, createDeadLetters, stayingDeadLetters } from './dead-letters.ts';
import type { DeadLetters } from './dead-letters.ts';
import { classifyFor, createFailures } from './failures.ts';
import { startMonitor } from './monitor/monitor.ts';
import type { Monitor } from './monitor/monitor.ts';
import type { ConsumerOptions, options } from './options.ts';
import { awaitTopic } from './receive/await-topic.ts';
import { openReceiver } from './receive/open-receiver.ts';
import type { ReadOptions } from './receive/open-receiver.ts';
import { assertSelection, isSelection } from './receive/select.ts';
import { createRemarks } from './remarks.ts';
import { createRetry } from './retry.ts';
import { roomOf } from './room.ts';
import type { Room } from './room.ts';
import { isSaved, saveImage } from './save.ts';
import {
  defaultConcurrency,
  defaultDecodedAtOnce,
  defaultMaxInFlightBytes,
  limitsOf,
  shardLimitsOf,
  sourcesOf,
} from './settings.ts';
import { createStatistics } from './statistics.ts';

/** `max.message.bytes` of the topic where this user may not see it: what the producer sets by default. */
const maxMessageBytes = 13_772_512;

const defaultMaxIncompleteBytes = 16 * 1024 ** 3;
const defaultChunkTimeoutMs = 600_000;
const defaultMaxBadRecords = 100;

/**
 * Makes the parts that `consume` needs from the command line, runs it, and closes them whatever happens.
 *
 * @param openSink what keeps images, by what `--output-directory` says
 */
export async function run(
  { values, logger, progress, signal, path, given }: RunContext<typeof options>,
  openSink: typeof openOutput = openOutput,
): Promise<Summary> {
  const limits = limitsOf(values);
  assertConsistent(values);
  const properties = await loadProperties(sourcesOf({ path, given }), logger);
  const location = values['output-directory'];
  const scratch = values['scratch-directory'];
  const opened = await openSink(locationOf(location, path), {
    ...s3Settings(values),
    scratchDirectory: scratch === undefined ? undefined : path(scratch),
    warn: (message) => logger.warn(message),
  });
  const { workspace } = opened;
  const sink = inLayout(values.layout, opened, shardLimitsOf(values));
  const closing: (() => Promise<unknown>)[] = [() => workspace.close(), () => sink.close()];
  try {
    const budgetBytes = values['max-in-flight-bytes'] ?? defaultMaxInFlightBytes();
    const budget = createBudget(budgetBytes, values.concurrency ?? defaultConcurrency(location));
    const room = roomOf({
      saveAs: values['save-as'],
      resize: values.resize,
      budgetBytes,
      atOnce: values.concurrency ?? defaultDecodedAtOnce(),
    });
    const monitor = await startMonitor({
      host: values['metrics-host'],
      port: values['metrics-port'],
      budget,
      logger,
    });
    closing.push(async () => monitor.close());
    const saveOptions = {
      sink,
      workspace,
      saveAs: values['save-as'],
      resize: values.resize,
      timeZone: values['time-zone'],
      overwrite: values.overwrite === true,
      ...limits,
    };
    const keeper: Keeper = {
      location: locationOf(location, path),
      workspace,
      hasShards: values.layout !== 'files',
      save: (image, arrival) => saveImage(image, saveOptions, arrival),
      isSaved: (chunk, origin) => isSaved(chunk, saveOptions, origin),
      flush: () => sink.flush(),
      classify: (error) => sink.classify(error),
    };
    const receiving = { values, properties, limits, keeper, budget, room, monitor, logger, progress, signal };
    return (await receiveImages(receiving)).summary;
  } finally {
    await closeAll(closing, logger);
  }
}

/** What takes images. */
export interface Keeper extends Pick<Sink, 'classify' | 'flush'>, Pick<ConsumeOptions, 'save'> {
  /** Where that is, for people. Default: nothing is said of it */
  readonly location?: string;
  /** Space for chunks. */
  readonly workspace: Workspace;
  /** As of `StatisticsOptions`. */
  readonly hasShards: boolean;
  /** As of `AssemblerOptions`. */
  readonly isSaved: AssemblerOptions['isSaved'];
}

/** What `receiveImages` needs. */
export interface Receiving {
  readonly values: ReadOptions &
    Pick<ConsumerOptions, 'on-error'> &
    Partial<
      Pick<
        ConsumerOptions,
        'num-messages' | 'dead-letter-topic' | 'max-bad-records' | 'max-incomplete-bytes' | 'chunk-timeout'
      >
    >;
  readonly properties: KafkaProperties;
  readonly limits: Limits;
  readonly keeper: Keeper;
  /** Where bad records go instead of a topic. */
  readonly deadLetters?: DeadLetters | undefined;
  readonly budget: ByteBudget;
  readonly room: Room;
  readonly monitor: Monitor;
  readonly logger: Logger;
  readonly progress: Pick<Progress, 'start'>;
  readonly signal: AbortSignal;
}

/**
 * Connects, and gives the images of a topic to whoever keeps them, until there are no more, `signal` says so, or something went wrong.
 *
 * @returns also what went wrong, which the log has told already
 */
export async function receiveImages({
  values,
  properties,
  limits,
  keeper,
  deadLetters: otherPlace,
  budget,
  room,
  monitor,
  logger,
  progress,
  signal,
}: Receiving): Promise<{ readonly summary: Summary; readonly failure: Error | undefined }> {
  const { topic } = values;
  const servers = properties['bootstrap.servers']!;
  const config = consumerConfig(properties);
  const closing: (() => Promise<unknown>)[] = [];
  try {
    const { kafka, admin } = await openKafka(kafkajs, properties, logger);
    closing.push(() => admin.disconnect());

    const isBounded = values['exit-at-end'] === true || values.until !== undefined;
    if (!(await awaitTopic(topic, { kafka, admin, isBounded, signal, logger, monitor }))) {
      return { summary: emptySummary, failure: undefined };
    }
    const deadLetterTopic = values['dead-letter-topic'] ?? deadLetterTopicOf(topic);
    // A selection only looks.
    const staysThere = deadLetterTopic === topic || isSelection(values);
    if (!staysThere && otherPlace === undefined && values['on-error'] !== 'stop') {
      await assertDeadLetterTopic({ kafka, admin }, topic, deadLetterTopic, logger);
    }
    const { receiver, selection, ends, jumps } = await openReceiver({
      values,
      config,
      kafka,
      admin,
      isBounded,
      flush: () => keeper.flush(),
      signal,
      logger,
      monitor,
    });
    const reader = selection === undefined ? `as group ${config.group.groupId}` : 'without a group';
    logger.info(`reading ${topic} on ${servers.join(', ')} ${reader}`);
    if (keeper.location !== undefined) {
      logger.info(`saving to ${keeper.location}`);
    }
    const deadLetters =
      otherPlace ??
      (staysThere
        ? stayingDeadLetters
        : createDeadLetters({
            topic: deadLetterTopic,
            original: { topic, maxMessageBytes },
            kafka,
            admin,
            connect: (createPartitioner) =>
              kafka.producer({ ...producerConfig(properties).producer, createPartitioner }),
            partitioner: kafkajs.Partitioners.DefaultPartitioner,
            signal,
            logger,
          }));
    closing.push(() => deadLetters.close());

    const remark = createRemarks(logger);
    const decode = monitor.timed('decode', async (record: ReceivedRecord) => {
      const decoded = await decodeRecord(record, limits);
      remark(record, decoded);
      return decoded;
    });
    const classify = classifyFor(keeper);
    const retry = createRetry({
      isTransient: (error) => classify(error) === 'transient',
      signal,
      logger,
      monitor,
    });
    const limit = values['num-messages'];
    const statistics = createStatistics({
      limit,
      hasShards: keeper.hasShards,
      records: ends?.records,
      isIdle: () => budget.inUse().slots === 0,
      logger,
      progress,
      monitor,
    });
    const failures = createFailures({
      deadLetters: values['on-error'] === 'stop' ? undefined : deadLetters,
      maxBadRecords: (values['max-bad-records'] ?? defaultMaxBadRecords) || undefined,
      hasGoodRecord: () => statistics.count.images + statistics.count.skipped > 0,
      stop: () => receiver.stop(),
      classify,
      retry,
      logger,
      monitor,
    });
    const assembler = createAssembler({
      workspace: keeper.workspace,
      // While the disk is full, no image is to blame for chunks that are held up.
      now: () => performance.now() - retry.pausedMs(),
      isSaved: keeper.isSaved,
      maxBytes: values['max-incomplete-bytes'] ?? defaultMaxIncompleteBytes,
      // The edges of a selection may cut an image off; that is no fault of the topic.
      timeoutMs: selection ? Number.POSITIVE_INFINITY : (values['chunk-timeout'] ?? defaultChunkTimeoutMs),
    });
    const isWanted = (image: ImageAttributes): boolean => selection?.isWanted(image) !== false;
    const chunks = createChunkCollector({ assembler, failures, decode, isWanted, room, statistics, logger });

    let lastCommit: number | undefined;
    try {
      await consume({
        deliveries: receiver,
        end: () => retry.end(),
        selection,
        decode,
        chunks,
        save: monitor.timed('save', keeper.save),
        flush: () => keeper.flush(),
        failures,
        statistics,
        budget,
        room,
        limit,
        isAtEnd: () => ends?.isReached() ?? false,
      });
    } finally {
      lastCommit = await receiver.close();
    }
    if (signal.aborted) {
      statistics.sayWhatIsLeft();
    }
    const { count, started = 0 } = statistics;
    const summary = {
      ...count,
      ...failures.count,
      removed: jumps.removed,
      ...timing(count.images, lastCommit === undefined ? 0 : lastCommit - started),
    };
    return { summary, failure: failures.failure() };
  } catch (error) {
    throw translate(error, servers, `group '${config.group.groupId}' cannot read topic '${topic}'`);
  } finally {
    await closeAll(closing, logger);
  }
}

async function closeAll(
  closing: readonly (() => Promise<unknown>)[],
  logger: Pick<Logger, 'debug'>,
): Promise<void> {
  for (const close of closing.toReversed()) {
    await close().catch((error: unknown) => logger.debug({ error }, 'cannot be closed'));
  }
}

/** @throws UsageError for options that contradict one another */
function assertConsistent(values: ConsumerOptions): void {
  assertSelection(values);
  assertDeadLetters(values);
  if (!isS3Url(values['output-directory'])) {
    for (const option of ['scratch-directory', 's3-endpoint', 's3-region'] as const) {
      if (values[option] !== undefined) {
        throw new UsageError(`--${option} has no effect without -o s3://bucket/prefix`);
      }
    }
  }
  if (values.layout === 'files') {
    for (const option of ['shard-bytes', 'shard-images', 'shard-interval'] as const) {
      if (values[option] !== undefined) {
        throw new UsageError(`--${option} has no effect without --layout webdataset or parquet`);
      }
    }
  } else if (values.overwrite === true) {
    throw new UsageError(
      `--overwrite has no effect with --layout ${values.layout}, where each record has a place of its own`,
    );
  }
  assertHealthOptions(values);
}
