import { availableParallelism } from 'node:os';
import {
  CodecError,
  decodeNpy,
  encodeImage,
  isPixelArray,
  npyMediaType,
  pythonShape,
  resolveLimits,
} from '@image-stream/codec';
import type { EncodedImage, Image, OutgoingRecord, StoredImage } from '@image-stream/codec';
import { decodePixels, transcode } from '@image-stream/image-io';
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
import { customerFromPath } from './customer-from-path.ts';
import { generatedImages } from './generated-images.ts';
import { inputImages } from './inputs.ts';
import type { options, ProducerOptions } from './options.ts';
import { paced } from './pace.ts';
import { produce } from './produce.ts';
import { createSender } from './sender.ts';

/** Bytes of images between generation and acknowledgement. */
const maxInFlightBytes = 128 * 1024 ** 2;

/** Makes the parts that `produce` needs from the command line, and runs it. */
export async function run({
  values,
  inputs,
  logger,
  progress,
  signal,
  path,
}: RunContext<typeof options>): Promise<Summary> {
  assertConsistent(values, inputs);
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
  const source =
    inputs.length > 0 ? inputImages(inputs, values, { cwd: path('.'), signal }) : generatedImages(values);
  const encoding = values.encoding ?? (inputs.length > 0 ? 'original' : 'png');

  try {
    const summary = await produce({
      images: paced(source, { limit: values['num-messages'], rate: values.rate, signal }),
      total: inputs.length > 0 ? undefined : values['num-messages'],
      encode: (image) => encode(image, { ...values, encoding }, limit),
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
  { format, compression = 'auto', quality, encoding }: EncodeValues,
  limit: RecordLimit,
): AsyncGenerator<OutgoingRecord> {
  const content = await recoded(image.content, format === 'python-json' ? 'npy' : encoding, quality);
  try {
    yield* encodeImage({ ...image, content }, { format, compression, maxRecordBytes: limit.bytes });
  } catch (error) {
    const isTooLarge = error instanceof CodecError && error.code === 'LIMIT_EXCEEDED';
    throw isTooLarge ? new Error(`${error.message}; raise ${limit.setting}`, { cause: error }) : error;
  }
}

/** The content in another encoding; `original` leaves it as it is, and so on disk where it is there. */
async function recoded(
  content: Image['content'],
  encoding: EncodeValues['encoding'],
  quality: number | undefined,
): Promise<Image['content']> {
  if (encoding === 'original') {
    return content;
  }
  const inMemory = 'source' in content ? await readWhole(content) : content;
  const decoded =
    !isPixelArray(inMemory) && inMemory.mediaType === npyMediaType
      ? decodeNpy(inMemory.bytes, resolveLimits())
      : inMemory;
  if (encoding === 'npy') {
    return isPixelArray(decoded) ? decoded : decodePixels(decoded);
  }
  return transcode(decoded, encoding, { quality });
}

async function readWhole({ mediaType, source }: StoredImage): Promise<EncodedImage> {
  return { mediaType, bytes: await source.read(0, source.size) };
}

/** Options that exclude one another. */
function assertConsistent(
  { format, encoding, compression, quality, ...values }: ProducerOptions,
  inputs: readonly string[],
): void {
  if (inputs.length === 0 && values['num-messages'] === undefined) {
    throw new UsageError('--num-messages (-n) is required, or inputs: files, folders or globs');
  }
  if (values['customer-from-path'] !== undefined && values['customer-id'] !== undefined) {
    throw new UsageError('--customer-from-path and --customer-id exclude one another');
  }
  if (values['customer-from-path'] !== undefined) {
    customerFromPath(values['customer-from-path']);
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

type EncodeValues = Pick<ProducerOptions, 'format' | 'compression' | 'quality'> & {
  readonly encoding: NonNullable<ProducerOptions['encoding']>;
};

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
