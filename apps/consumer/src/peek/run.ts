import { describeRecord } from '@image-stream/image-io';
import type { RecordDescription } from '@image-stream/image-io';
import { createTopicReader } from '@image-stream/kafka-client';
import {
  assertTopicName,
  consumerConfig,
  loadProperties,
  openKafka,
  translate,
} from '@image-stream/kafka-config';
import type { TopicReader } from '@image-stream/kafka-client';
import { StoppedError } from '@image-stream/program';
import type { Outcome, RunContext } from '@image-stream/program';
import kafkajs from 'kafkajs';
import { limitsOf, raisedBy, sourcesOf } from '../settings.ts';
import { newestImages } from './newest.ts';
import type { peekOptions } from './options.ts';
import { pictureOf } from './picture.ts';
import { describeTable } from './table.ts';

const defaultCount = 10;

/** Makes the parts that `consumer peek` needs from the command line, and looks once. */
export async function run({
  values,
  logger,
  signal,
  path,
  given,
}: RunContext<typeof peekOptions>): Promise<Outcome> {
  const { topic, customer, partition: partitions } = values;
  assertTopicName(topic);
  const properties = await loadProperties(sourcesOf({ path, given }), logger);
  const limits = {
    ...limitsOf(values),
    raisedBy: { ...raisedBy, maxImageBytes: "the consumer's --max-image-bytes" },
  };
  const { kafka, admin } = await openKafka(kafkajs, properties, logger);
  const stopped = `stopped before all of ${topic} was searched`;
  let reader: TopicReader | undefined;
  try {
    reader = await createTopicReader(kafka, topic, { ...consumerConfig(properties).read, signal });
    const wanted = { count: values['num-messages'] ?? defaultCount, customer, partitions };
    const { images, isComplete } = await newestImages(reader, topic, wanted, limits, signal);
    if (!isComplete) {
      if (images.length === 0) {
        throw signal.reason;
      }
      logger.warn(`${stopped}; there may be newer images than these`);
    }
    const pictures = values.pictures === true ? await picturesOf(images, reader, limits, signal) : undefined;
    return {
      summary: images.map(({ chunk, ...image }) => ({
        topic,
        ...image,
        ...(chunk && { chunks: chunk.count }),
      })),
      text: images.length === 0 ? nothing(topic, customer) : describeTable(images, pictures),
      isDone: isComplete,
    };
  } catch (error) {
    if (error === signal.reason) {
      throw new StoppedError(`${stopped}; nothing was found so far`);
    }
    throw translate(error, properties['bootstrap.servers']!, `topic '${topic}' cannot be read`);
  } finally {
    await reader?.close();
    await admin.disconnect();
  }
}

/** Of those that can be decoded, until `signal` is aborted, read once more: until it was known which they are, none was kept in memory. */
async function picturesOf(
  images: readonly RecordDescription[],
  reader: Pick<TopicReader, 'at'>,
  limits: { readonly maxImagePixels?: number },
  signal: AbortSignal,
): Promise<Map<RecordDescription, string>> {
  const pictures = new Map<RecordDescription, string>();
  for (const image of images) {
    const record = await reader.at(image.partition, BigInt(image.offset)).catch((error: unknown) => {
      if (!signal.aborted) {
        throw error;
      }
      return undefined;
    });
    const { content } = record === undefined ? {} : await describeRecord(record, limits);
    const picture = content && (await pictureOf(content, limits).catch(() => undefined));
    if (picture !== undefined) {
      pictures.set(image, picture);
    }
  }
  return pictures;
}

function nothing(topic: string, customer: string | undefined): string {
  return `there is no image in ${topic}${customer === undefined ? '' : ` of customer ${customer}`}`;
}
