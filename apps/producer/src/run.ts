import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createSender,
  ensureTopic,
  loadProperties,
  openKafka,
  producerConfig,
  topicLimit,
  translate,
} from '@image-stream/kafka-config';
import type { KafkaProperties } from '@image-stream/kafka-config';
import {
  bytesInWork,
  createBudget,
  createOutageLog,
  oneLine,
  processors,
  UsageError,
} from '@image-stream/program';
import type { Logger, Outcome, Progress, RunContext, Summary } from '@image-stream/program';
import { s3Settings } from '@image-stream/storage';
import kafkajs from 'kafkajs';
import type { Admin, Kafka } from 'kafkajs';
import { customerFromPath } from './customer-from-path.ts';
import { dryRun } from './dry-run.ts';
import { createEncoder, pixelsProblem, raisedBy } from './encode.ts';
import { createFileLoader } from './file-loader.ts';
import { generatedImages } from './generated-images.ts';
import { plainPath } from './files.ts';
import { assertInputs, inputImages, sourceOf } from './inputs.ts';
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

  const undelivered = new Set<string>();
  process.once('exit', () => nameUndelivered(undelivered, logger));
  const summary = await sendImages({
    values: { ...values, encoding },
    properties,
    imagesTo,
    total: inputs.length > 0 ? undefined : values['num-messages'],
    incomplete,
    undelivered,
    logger,
    progress,
  });
  if (properties.acks !== -1) {
    logger.info('with --acks all, an image counts as sent only when every in-sync replica has it');
  }
  return summary;
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
  /** Bytes of images in flight. Default: as much as pays. */
  readonly maxInFlightBytes?: number | undefined;
  /** As of `ProduceOptions`. */
  readonly total?: number | undefined;
  /** Files that wait to become whole, and what they lack. */
  readonly incomplete: ReadonlyMap<string, string>;
  readonly undelivered: Set<string>;
  readonly logger: Logger;
  readonly progress: Pick<Progress, 'start'>;
}

/** Connects, makes sure that the topic exists, and sends images until there are no more. */
export async function sendImages(sending: Sending): Promise<Summary> {
  const { values, properties, imagesTo, total, incomplete, undelivered, logger, progress } = sending;
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
    outage: createOutageLog(logger, 'records are acknowledged again'),
  }).catch(inUsersTerms);
  const isAsItIs =
    values.encoding === 'original' && values.format !== 'python-json' && values.resize === undefined;

  try {
    return await produce({
      images: imagesTo(destination),
      total,
      incomplete: () => incomplete.size,
      encode: createEncoder({ ...values, limit, logger }),
      send: (record, partition) => sender.send(record, partition),
      limit,
      // Twice the processors: while one image is on the network, another is encoded.
      budget: isAsItIs
        ? createBudget(sending.maxInFlightBytes ?? bytesInWork(maxInFlightFileBytes), maxInFlightFiles)
        : createBudget(sending.maxInFlightBytes ?? bytesInWork(maxInFlightBytes), 2 * processors()),
      undelivered,
      logger,
      progress,
    });
  } finally {
    await sender.close();
  }
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

/** Options that exclude one another. */
function assertConsistent(
  { format, encoding, compression, quality, ...values }: ProducerOptions,
  inputs: readonly string[],
): void {
  assertInputs(inputs);
  if (inputs.length === 0 && values['num-messages'] === undefined) {
    throw new UsageError('--num-messages (-n) is required, or inputs: files, folders or globs');
  }
  if (values['customer-from-path'] !== undefined && values['customer-id'] !== undefined) {
    throw new UsageError('--customer-from-path and --customer-id exclude one another');
  }
  if (values['customer-from-path'] !== undefined) {
    customerFromPath(values['customer-from-path']);
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
      `--compression ${compression} is for --encoding npy; other encodings compress by themselves`,
    );
  }
  if (quality !== undefined && !['jpeg', 'webp', 'avif'].includes(encoding ?? '')) {
    throw new UsageError('--quality is for --encoding jpeg, webp or avif');
  }
}

/** What is watched must be one folder: the note of what was sent belongs to it. */
async function assertWatchable(
  { watch, 'state-file': stateFile, ...values }: ProducerOptions,
  inputs: readonly string[],
  path: (path: string) => string,
): Promise<void> {
  if (watch === true && values['dry-run'] === true) {
    throw new UsageError('--dry-run and --watch exclude one another');
  }
  if (watch !== true) {
    if (stateFile !== undefined) {
      throw new UsageError('--state-file is for --watch');
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
