import { formats } from '@image-stream/codec';
import { encodings, encodingSynonyms, patterns } from '@image-stream/image-io';
import { connectionOptions } from '@image-stream/kafka-config';
import { healthOptions } from '@image-stream/http';
import { bytes, integer, nonEmpty, outputOptions, pixelSize, positiveNumber } from '@image-stream/program';
import { s3Options } from '@image-stream/storage';
import type { OptionDefinitions, OptionValues } from '@image-stream/program';
import { customerPattern } from './customer-from-path.ts';

const text = { type: 'string' } as const;

/** Everything that can be said to the producer. */
export const options = {
  'num-messages': {
    ...text,
    alias: 'n',
    coerce: integer('--num-messages', 1),
    describe: 'Number of images to send; without inputs, to generate',
    group: 'Images:',
  },
  'customer-id': {
    ...text,
    alias: 'cid',
    coerce: nonEmpty('--customer-id'),
    describe: 'Customer that the images belong to',
    defaultDescription: 'a new UUID; of inputs: default, or as a shard says',
    group: 'Images:',
  },
  'customer-from-path': {
    ...text,
    coerce: customerPattern,
    describe:
      "Take the customer from the path, by a regular expression: '(?<customer>[^/]+)/' takes the first folder",
    group: 'Inputs:',
  },
  recursive: {
    type: 'boolean',
    describe: 'Include subfolders',
    group: 'Inputs:',
  },
  watch: {
    type: 'boolean',
    describe: 'Keep running, and send new files of a folder once they are fully written',
    group: 'Inputs:',
  },
  'state-file': {
    ...text,
    coerce: nonEmpty('--state-file'),
    describe: 'File in which --watch records what it has sent',
    defaultDescription: '.image-stream-sent in that folder',
    group: 'Inputs:',
  },
  'max-image-bytes': {
    ...text,
    coerce: bytes('--max-image-bytes'),
    describe: 'Maximum file size; the consumer has the same limit',
    defaultDescription: '4GiB',
    group: 'Inputs:',
  },
  'max-image-pixels': {
    ...text,
    coerce: integer('--max-image-pixels', 1),
    describe: 'Maximum pixels per image',
    defaultDescription: '268402689, or as many as its file has bytes',
    group: 'Inputs:',
  },
  ...s3Options,
  pattern: { choices: patterns, default: 'noise', describe: 'Pattern of generated images', group: 'Images:' },
  width: {
    ...text,
    coerce: integer('--width', 1, 65_535),
    describe: 'Width of generated images, in pixels',
    defaultDescription: '1080',
    group: 'Images:',
  },
  height: {
    ...text,
    coerce: integer('--height', 1, 65_535),
    describe: 'Height of generated images, in pixels',
    defaultDescription: '1920',
    group: 'Images:',
  },
  seed: {
    ...text,
    describe: 'Seed of generated images: the same text gives the same pixels',
    defaultDescription: 'random',
    group: 'Images:',
  },
  'dry-run': {
    type: 'boolean',
    describe: 'List what would be sent, and send nothing; needs no broker',
    group: 'Images:',
  },
  rate: {
    ...text,
    coerce: positiveNumber('--rate'),
    describe: 'Maximum images per second',
    defaultDescription: 'unlimited',
    group: 'Images:',
  },
  format: { choices: formats, default: 'cloudevents', describe: 'Record format', group: 'Format:' },
  encoding: {
    choices: ['original', ...encodings] as const,
    synonyms: encodingSynonyms,
    describe: 'Image encoding; original: unchanged',
    defaultDescription: 'original; png for generated images',
    group: 'Format:',
  },
  compression: {
    choices: ['auto', 'none', 'deflate'] as const,
    describe: 'Compression of npy; auto: whatever pays off on a sample',
    defaultDescription: 'auto',
    group: 'Format:',
  },
  quality: {
    ...text,
    coerce: integer('--quality', 1, 100),
    describe: 'Quality of jpeg, webp and avif, 1 to 100',
    defaultDescription: '80, avif 50',
    group: 'Format:',
  },
  resize: {
    ...text,
    coerce: pixelSize('--resize'),
    describe: 'Shrink larger images to fit within this size, such as 1024x768',
    group: 'Format:',
  },
  ...connectionOptions({ requestTimeoutMs: '300000' }),
  acks: {
    ...text,
    alias: 'a',
    describe:
      'Acknowledgements to wait for: 0 none, 1 the leader, all (or -1) every in-sync replica. Use all for what must not be lost',
    defaultDescription: '1',
    group: 'Kafka:',
  },
  'max-request-size': {
    ...text,
    alias: 'mrs',
    describe: 'Maximum request size in bytes, and max.message.bytes of a topic that is created',
    defaultDescription: '13772512',
    group: 'Kafka:',
  },
  partitions: {
    ...text,
    coerce: integer('--partitions', 1, 100_000),
    describe: 'Number of partitions if the topic is created',
    defaultDescription: 'broker default',
    group: 'Kafka:',
  },
  'replication-factor': {
    ...text,
    coerce: integer('--replication-factor', 1, 32_767),
    describe: 'Replication factor if the topic is created',
    defaultDescription: '3, or fewer with fewer brokers',
    group: 'Kafka:',
  },
  ...healthOptions,
  ...outputOptions,
} as const satisfies OptionDefinitions;

export type ProducerOptions = OptionValues<typeof options>;
