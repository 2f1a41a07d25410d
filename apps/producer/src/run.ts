import { availableParallelism } from 'node:os';
import { encodeImage, pythonShape } from '@image-stream/codec';
import type { Image } from '@image-stream/codec';
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
  const maxRecordBytes = await prepareTopic(kafka, properties, values, logger);
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

  const { format, compression = 'auto', quality } = values;
  const encoding = values.encoding ?? (format === 'python-json' ? undefined : 'png');
  try {
    return await produce({
      images: generatedImages(values, signal),
      total: values['num-messages'],
      encode: async function* (image: Image) {
        const isPixels = encoding === undefined || encoding === 'npy';
        const content = isPixels ? image.content : await transcode(image.content, encoding, { quality });
        yield* encodeImage({ ...image, content }, { format, compression, maxRecordBytes });
      },
      send: (record) => sender.send(record),
      // Twice the processors: while one image is on the network, another is encoded.
      budget: createBudget(maxInFlightBytes, 2 * availableParallelism()),
      logger,
      progress,
    });
  } finally {
    await sender.close();
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

/** Makes sure that the topic exists. @returns bytes that one record may take */
async function prepareTopic(
  kafka: kafkajs.Kafka,
  properties: KafkaProperties,
  values: ProducerOptions,
  logger: RunContext<typeof options>['logger'],
): Promise<number> {
  const { topic, partitions, 'replication-factor': replicationFactor } = values;
  const maxRequestSize = properties['max.request.size']!;
  const admin = kafka.admin();
  await connectAdmin(admin, properties['bootstrap.servers']!);
  try {
    if (await ensureTopic(admin, topic, { partitions, replicationFactor, maxMessageBytes: maxRequestSize })) {
      logger.info(`created topic ${topic} with max.message.bytes=${maxRequestSize}`);
    }
    return Math.min(maxRequestSize, (await topicLimit(admin, topic)) ?? maxRequestSize);
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
