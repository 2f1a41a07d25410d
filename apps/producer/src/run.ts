import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createSender } from '@image-stream/kafka-client';
import {
  ensureTopic,
  loadProperties,
  openKafka,
  producerConfig,
  topicLimit,
  translate,
} from '@image-stream/kafka-config';
import type { KafkaProperties } from '@image-stream/kafka-config';
import { bytesInWork, createBudget, processors } from '@image-stream/budget';
import { assertHealthOptions } from '@image-stream/http';
import { counted, createOutageLog, oneLine, UsageError } from '@image-stream/program';
import type { Logger, Outcome, OutageLog, Progress, RunContext, Summary } from '@image-stream/program';
import { s3Settings } from '@image-stream/storage';
import kafkajs from 'kafkajs';
import type { Admin, Kafka } from 'kafkajs';
import { customerFromPath } from './customer-from-path.ts';
import { dryRun } from './dry-run.ts';
import { createEncoder, pixelsProblem, raisedBy } from './encode.ts';
import { createFileLoader } from './file-loader.ts';
import { generatedImages } from './generated-images.ts';
import { countFiles, localFiles, plainPath } from './files.ts';
import { assertInputs, inputImages, sourceOf } from './inputs.ts';
import { silentMonitor, startMonitor } from './monitor.ts';
import type { Monitor } from './monitor.ts';
import type { options, ProducerOptions } from './options.ts';
import { paced } from './pace.ts';
import { produce } from './produce.ts';
import { learnLimit } from './record-limit.ts';
import { openSentFiles } from './sent-files.ts';
import type { Destination } from './sent-files.ts';
import { sourcesOf } from './settings.ts';
import type { Pending, SourceContext } from './source.ts';

/** Bytes of images between generation and acknowledgement. */
const maxInFlightBytes = 128 * 1024 ** 2;

/** Of images that are sent as they are, which take no more than their bytes: enough for the broker never to wait. */
const maxInFlightFiles = 128;
const maxInFlightFileBytes = 32 * 1024 ** 2;

/** Of small images in one request. */
const maxBatchBytes = 512 * 1024;

/** Makes the parts that `produce` needs from the command line, and runs it. */
export async function run({
  values,
  inputs,
  logger,
  progress,
  signal,
  path,
  given,
  print,
}: RunContext<typeof options>): Promise<Summary | Outcome> {
  assertConsistent(values, inputs);
  await assertWatchable(values, inputs, path);
  const properties = await loadProperties(sourcesOf({ path, given }), logger);
  const total = inputs.length > 0 ? undefined : values['num-messages'];
  const encoding = values.encoding ?? (inputs.length > 0 ? 'original' : 'png');
  const incomplete = new Map<string, string>();
  const imagesTo = (destination: Destination) =>
    paced(
      inputs.length > 0
        ? inputImages(
            inputs,
            values.watch === true,
            sourceContext(values, destination, { path, signal, logger, incomplete }),
          )
        : generatedImages(values),
      { limit: values['num-messages'], rate: values.rate, signal },
    );
  if (values['dry-run'] === true) {
    const maxRequestSize = properties['max.request.size']!;
    const limit = { bytes: maxRequestSize, setting: '--max-request-size' };
    return dryRun({
      images: imagesTo({ clusterId: '', topic: values.topic }),
      encode: createEncoder({ ...values, encoding, limit, logger }),
      maxRequestSize,
      print,
      signal,
      logger,
      progress,
    });
  }

  const monitor = await startMonitor({
    host: values['metrics-host'],
    port: values['metrics-port'],
    incomplete: () => incomplete.size,
    logger,
  });
  const undelivered = new Set<string>();
  process.once('exit', () => nameUndelivered(undelivered, logger));
  const summary = await sendImages({
    values: { ...values, encoding },
    properties,
    imagesTo,
    what: described(values, inputs),
    total,
    isEndless: values.watch === true || inputs.includes('-'),
    incomplete,
    undelivered,
    logger,
    progress,
    monitor,
  }).finally(() => monitor.close());
  if (signal.aborted) {
    await sayWhatIsLeft(summary);
  }
  if (properties.acks !== -1 && summary.images > 0) {
    const who = properties.acks === 0 ? 'no broker' : 'only the leader of its partition';
    logger.info(`acks=${properties.acks}: each image was acknowledged by ${who}`);
  }
  return summary;

  /** Where it is known: of generated images, and of files. */
  async function sayWhatIsLeft({ images, failed }: Summary): Promise<void> {
    const areFiles = values.watch !== true && inputs.every((input) => sourceOf(input) === localFiles);
    const found = areFiles
      ? await countFiles(inputs, { path, recursive: values.recursive === true })
      : undefined;
    const all = total ?? (found && Math.min(found, values['num-messages'] ?? found));
    if (all !== undefined && images + failed < all) {
      logger.info(`stopped with ${all - images - failed} of ${counted(all, 'image')} left`);
    }
  }
}

/** Where the images come from, for people. */
function described(
  { pattern, 'num-messages': count, watch }: ProducerOptions,
  inputs: readonly string[],
): string {
  if (inputs.length === 0) {
    return `${counted(count!, 'generated image')} (${pattern})`;
  }
  const named = inputs.length > 3 ? [inputs[0]!, `${inputs.length - 1} other inputs`] : inputs;
  const what = named.map((input) => (input === '-' ? 'standard input' : oneLine(input))).join(', ');
  return watch === true ? `what is and appears in ${what}` : what;
}

/** What `sendImages` needs. */
export interface Sending {
  readonly values: Pick<
    ProducerOptions,
    'topic' | 'format' | 'compression' | 'quality' | 'resize' | 'max-image-pixels'
  > &
    Partial<Pick<ProducerOptions, 'partitions' | 'replication-factor'>> & {
      readonly encoding: NonNullable<ProducerOptions['encoding']>;
    };
  readonly properties: KafkaProperties;
  /** What is to be sent, once it is known where to. */
  readonly imagesTo: (destination: Destination) => AsyncIterable<Pending>;
  /** The same for people. */
  readonly what: string;
  /** Bytes of images in flight. Default: as much as pays. */
  readonly maxInFlightBytes?: number | undefined;
  /** As of `ProduceOptions`. */
  readonly total?: number | undefined;
  /** As of `ProduceOptions`. */
  readonly isEndless?: boolean | undefined;
  /** Files that wait to become whole, and what they lack. */
  readonly incomplete: ReadonlyMap<string, string>;
  readonly undelivered: Set<string>;
  readonly logger: Logger;
  readonly progress: Pick<Progress, 'start'>;
  /** Default: one that nobody asks */
  readonly monitor?: Monitor;
}

/** Connects, makes sure that the topic exists, and sends images until there are no more. */
export async function sendImages(sending: Sending): Promise<Summary> {
  const {
    values,
    properties,
    imagesTo,
    total,
    isEndless,
    incomplete,
    undelivered,
    logger,
    progress,
    monitor = silentMonitor,
  } = sending;
  const { kafka, admin } = await openKafka(kafkajs, properties, logger);
  const inUsersTerms = (error: unknown): never => {
    throw translate(error, properties['bootstrap.servers']!, `topic '${values.topic}' cannot be used`);
  };
  const destination = await prepareTopic(admin, properties['max.request.size']!, values, logger).catch(
    inUsersTerms,
  );
  const limit = await learnLimit(values.topic, properties['max.request.size']!, () =>
    askLimit(kafka, values.topic),
  ).catch(inUsersTerms);
  const sender = await createSender({
    connect: (createPartitioner) =>
      kafka.producer({ ...producerConfig(properties).producer, createPartitioner }),
    partitioner: kafkajs.Partitioners.DefaultPartitioner,
    batchBytes: Math.min(limit.bytes, maxBatchBytes),
    request: { topic: values.topic, ...producerConfig(properties).send },
    deliveryTimeoutMs: properties['delivery.timeout.ms']!,
    outage: told(createOutageLog(logger, 'records are acknowledged again'), monitor),
  }).catch(inUsersTerms);
  const servers = properties['bootstrap.servers']!.join(', ');
  logger.info(`sending ${sending.what} to ${values.topic} on ${servers}`);
  const isAsItIs =
    values.encoding === 'original' && values.format !== 'python-json' && values.resize === undefined;

  // Twice the processors: while one image is on the network, another is encoded.
  const budget = isAsItIs
    ? createBudget(sending.maxInFlightBytes ?? bytesInWork(maxInFlightFileBytes), maxInFlightFiles)
    : createBudget(sending.maxInFlightBytes ?? bytesInWork(maxInFlightBytes), 2 * processors());
  monitor.connected(budget);

  try {
    return await produce({
      images: imagesTo(destination),
      total,
      isEndless: isEndless ?? false,
      incomplete: () => incomplete.size,
      encode: createEncoder({ ...values, limit, logger }),
      send: (record, partition) => sender.send(record, partition),
      limit,
      budget,
      undelivered,
      logger,
      progress,
      monitor,
    });
  } finally {
    await sender.close();
  }
}

/** An outage that whoever asks for the health is told of, too. */
function told(log: OutageLog, monitor: Pick<Monitor, 'stalled' | 'resumed'>): OutageLog {
  return {
    failed(reason) {
      monitor.stalled(reason);
      log.failed(reason);
    },
    over() {
      monitor.resumed();
      log.over();
    },
  };
}

/** What the options say to the sources of inputs. */
function sourceContext(
  { 'customer-id': customerId, 'customer-from-path': pattern, ...values }: ProducerOptions,
  destination: Destination,
  {
    logger,
    ...context
  }: Pick<SourceContext, 'path' | 'signal' | 'incomplete'> & { readonly logger: Pick<Logger, 'warn'> },
): SourceContext {
  const stateFile = values['state-file'];
  const limits = {
    maxImageBytes: values['max-image-bytes'],
    maxImagePixels: values['max-image-pixels'],
    raisedBy,
  };
  return {
    customerOf:
      pattern === undefined
        ? (_relativePath, noted) => customerId ?? noted ?? 'default'
        : customerFromPath(pattern),
    ...limits,
    files: createFileLoader(limits),
    ...context,
    recursive: values.recursive === true,
    s3: s3Settings(values),
    sentFiles: (folder) =>
      openSentFiles(
        stateFile === undefined ? join(folder, '.image-stream-sent') : context.path(stateFile),
        destination,
      ),
    warn: (message) => logger.warn(oneLine(message)),
  };
}

/** Whatever ends the program: a second signal, or an error that nobody foresaw. */
function nameUndelivered(undelivered: ReadonlySet<string>, logger: Pick<Logger, 'error'>): void {
  for (const name of undelivered) {
    logger.error(`${oneLine(name)} was not sent, or not acknowledged yet`);
  }
}

/** Options that cannot be combined. */
function assertConsistent(
  { format, encoding, compression, quality, ...values }: ProducerOptions,
  inputs: readonly string[],
): void {
  assertInputs(inputs);
  if (inputs.length === 0 && values['num-messages'] === undefined) {
    throw new UsageError('--num-messages (-n) is required, or inputs: files, folders or globs');
  }
  if (values['customer-from-path'] !== undefined && values['customer-id'] !== undefined) {
    throw new UsageError('--customer-from-path and --customer-id cannot be combined');
  }
  const { width = 1080, height = 1920 } = values;
  const problem =
    inputs.length === 0 ? pixelsProblem([height, width], values['max-image-pixels']) : undefined;
  if (problem !== undefined) {
    throw new UsageError(problem);
  }
  if (format === 'python-json' && encoding !== undefined) {
    throw new UsageError(
      `--format python-json carries zlib-compressed pixels only, not --encoding ${encoding}`,
    );
  }
  if (compression !== undefined && encoding !== 'npy') {
    throw new UsageError(
      `--compression ${compression} requires --encoding npy; other encodings are compressed already`,
    );
  }
  assertHealthOptions(values);
  if (quality !== undefined && !['jpeg', 'webp', 'avif'].includes(encoding ?? '')) {
    throw new UsageError('--quality requires --encoding jpeg, webp or avif');
  }
}

/** What is watched must be one folder: the note of what was sent belongs to it. */
async function assertWatchable(
  { watch, 'state-file': stateFile, ...values }: ProducerOptions,
  inputs: readonly string[],
  path: (path: string) => string,
): Promise<void> {
  if (watch === true && values['dry-run'] === true) {
    throw new UsageError('--dry-run and --watch cannot be combined');
  }
  if (watch !== true) {
    if (stateFile !== undefined) {
      throw new UsageError('--state-file requires --watch');
    }
    return;
  }
  const [input = '-', ...others] = inputs;
  const found = await stat(path(plainPath(input))).catch(() => undefined);
  if (others.length > 0 || sourceOf(input).watch === undefined || found?.isDirectory() !== true) {
    throw new UsageError(`--watch takes one folder that exists, not ${inputs.join(' ') || 'nothing'}`);
  }
}

/** Makes sure that the topic exists. @returns where it is */
async function prepareTopic(
  admin: Admin,
  maxRequestSize: number,
  values: Sending['values'],
  logger: Pick<Logger, 'info' | 'warn'>,
): Promise<Destination> {
  const { topic, partitions, 'replication-factor': replicationFactor } = values;
  try {
    const wanted = { partitions, replicationFactor, maxMessageBytes: maxRequestSize };
    if (await ensureTopic(admin, topic, wanted, (message) => logger.warn(message))) {
      logger.info(`created topic ${topic} with max.message.bytes=${maxRequestSize}`);
    }
    const { clusterId } = await admin.describeCluster();
    return { clusterId, topic };
  } finally {
    await admin.disconnect();
  }
}

/** With a connection of its own: it is asked at the start, and when a record is refused, which may be days later. */
async function askLimit(kafka: Kafka, topic: string): Promise<number | undefined> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await topicLimit(admin, topic);
  } finally {
    await admin.disconnect();
  }
}
