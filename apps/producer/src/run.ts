import { availableParallelism } from 'node:os';
import { CodecError, encodeImage, pythonShape } from '@image-stream/codec';
import type { Image, OutgoingRecord } from '@image-stream/codec';
import { transcode } from '@image-stream/image-io';
import {
  clientConfig,
  compressionCodecs,
  connectAdmin,
  ensureTopic,
  loadProperties,
  producerConfig,
  topicLimit,
} from '@image-stream/kafka-config';
import type { KafkaProperties } from '@image-stream/kafka-config';
import { createBudget, UsageError } from '@image-stream/program';
import type { RunContext, Summary } from '@image-stream/program';
import kafkajs from 'kafkajs';
import { generatedImages } from './generated-images.ts';
import type { options, ProducerOptions } from './options.ts';
import { produce } from './produce.ts';
import { createSender } from './sender.ts';

/** Bytes of images between generation and acknowledgement. */
const maxInFlightBytes = 128 * 1024 ** 2;

/** Makes the parts that `produce` needs from the command line, and runs it. */
export async function run({
  values,
  logger,
  progress,
  signal,
  path,
}: RunContext<typeof options>): Promise<Summary> {
  assertConsistent(values);
  const properties = await loadProperties({
    flags: {
      'bootstrap.servers': { option: '--bootstrap-servers', text: values['bootstrap-servers'] },
      'request.timeout.ms': { option: '--request-timeout-ms', text: values['request-timeout-ms'] },
      'max.request.size': { option: '--max-request-size', text: values['max-request-size'] },
      acks: { option: '--acks', text: values.acks },
    },
    overrides: values.X?.map(String) ?? [],
    environment: process.env,
    file: values['command-config'] && path(values['command-config']),
    defaults: {
      'bootstrap.servers': 'localhost:29092',
      'request.timeout.ms': '300000',
      'delivery.timeout.ms': '300000',
      'max.request.size': '13772512',
      acks: '1',
    },
  });

  Object.assign(kafkajs.CompressionCodecs, compressionCodecs());
  const kafka = new kafkajs.Kafka(await clientConfig(properties, logger));
  const limit = await prepareTopic(kafka, properties, values, logger);
  const sender = await createSender({
    connect: () =>
      kafka.producer({
        ...producerConfig(properties).producer,
        createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      }),
    request: { topic: values.topic, ...producerConfig(properties).send },
    deliveryTimeoutMs: properties['delivery.timeout.ms']!,
    logger,
  });
  warnOfForeignShape(values, logger);

  try {
    const summary = await produce({
      images: generatedImages(values, signal),
      total: values['num-messages'],
      encode: (image) => encode(image, values, limit),
      send: (record, partition) => sender.send(record, partition),
      // Twice the processors: while one image is on the network, another is encoded.
      budget: createBudget(maxInFlightBytes, 2 * availableParallelism()),
      logger,
      progress,
    });
    if (properties.acks !== -1) {
      logger.info('with --acks all, an image counts as sent only when every in-sync replica has it');
    }
    return summary;
  } finally {
    await sender.close();
  }
}

/** An image in the encoding and format that were asked for. */
async function* encode(
  image: Image,
  {
    format,
    compression = 'auto',
    quality,
    encoding = format === 'python-json' ? 'npy' : 'png',
  }: ProducerOptions,
  limit: RecordLimit,
): AsyncGenerator<OutgoingRecord> {
  const { content: given } = image;
  const content =
    encoding === 'npy' || 'source' in given ? given : await transcode(given, encoding, { quality });
  try {
    yield* encodeImage({ ...image, content }, { format, compression, maxRecordBytes: limit.bytes });
  } catch (error) {
    const isTooLarge = error instanceof CodecError && error.code === 'LIMIT_EXCEEDED';
    throw isTooLarge ? new Error(`${error.message}; raise ${limit.setting}`, { cause: error }) : error;
  }
}

/** Options that exclude one another. */
function assertConsistent({ format, encoding, compression, quality }: ProducerOptions): void {
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

/** The bytes that one record may take, and which setting says so. */
interface RecordLimit {
  readonly bytes: number;
  readonly setting: string;
}

/** Makes sure that the topic exists. @returns what it takes */
async function prepareTopic(
  kafka: kafkajs.Kafka,
  properties: KafkaProperties,
  values: ProducerOptions,
  logger: RunContext<typeof options>['logger'],
): Promise<RecordLimit> {
  const { topic, partitions, 'replication-factor': replicationFactor } = values;
  const maxRequestSize = properties['max.request.size']!;
  const admin = kafka.admin();
  await connectAdmin(admin, properties['bootstrap.servers']!);
  try {
    if (await ensureTopic(admin, topic, { partitions, replicationFactor, maxMessageBytes: maxRequestSize })) {
      logger.info(`created topic ${topic} with max.message.bytes=${maxRequestSize}`);
    }
    const maxMessageBytes = (await topicLimit(admin, topic)) ?? maxRequestSize;
    return maxMessageBytes < maxRequestSize
      ? { bytes: maxMessageBytes, setting: `max.message.bytes of topic ${topic}` }
      : { bytes: maxRequestSize, setting: '--max-request-size' };
  } finally {
    await admin.disconnect();
  }
}

function warnOfForeignShape(
  { format, height = 1920, width = 1080 }: ProducerOptions,
  logger: RunContext<typeof options>['logger'],
): void {
  if (format === 'python-json' && (height !== pythonShape[0] || width !== pythonShape[1])) {
    logger.warn(
      `the Python application reads ${pythonShape[1]} x ${pythonShape[0]} only; it will not show ${width} x ${height}`,
    );
  }
}
