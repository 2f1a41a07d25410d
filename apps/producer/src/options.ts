import { compressions, formats } from '@image-stream/codec';
import { encodings, encodingSynonyms, patterns } from '@image-stream/image-io';
import { connectionOptions } from '@image-stream/kafka-config';
import { bytes, integer, nonEmpty, outputOptions, pixelSize, positiveNumber } from '@image-stream/program';
import { s3Options } from '@image-stream/storage';
import type { OptionDefinitions, OptionValues } from '@image-stream/program';

const text = { type: 'string' } as const;

/** Everything that can be said to the producer. */
export const options = {
  'num-messages': {
    ...text,
    alias: 'n',
    coerce: integer('--num-messages', 1),
    describe: 'How many images to send; without inputs, so many are generated',
    group: 'Images:',
  },
  'customer-id': {
    ...text,
    alias: 'cid',
    coerce: nonEmpty('--customer-id'),
    describe: 'Whose images they are',
    defaultDescription: 'a new UUID; for inputs: default, or as a shard says',
    group: 'Images:',
  },
  'customer-from-path': {
    ...text,
    coerce: nonEmpty('--customer-from-path'),
    describe: "Whose images they are, from their paths: '{customer}/**' takes the first folder",
    group: 'Inputs:',
  },
  recursive: {
    type: 'boolean',
    describe: 'Enter the folders within a folder',
    group: 'Inputs:',
  },
  watch: {
    type: 'boolean',
    describe: 'Keep sending what appears in a folder, each file once it is completely written',
    group: 'Inputs:',
  },
  'state-file': {
    ...text,
    coerce: nonEmpty('--state-file'),
    describe: 'Where --watch notes what it has sent',
    defaultDescription: '.image-stream-sent in that folder',
    group: 'Inputs:',
  },
  'max-image-bytes': {
    ...text,
    coerce: bytes('--max-image-bytes'),
    describe: 'Largest file; the consumer has the same limit',
    defaultDescription: '4GiB',
    group: 'Inputs:',
  },
  'max-image-pixels': {
    ...text,
    coerce: integer('--max-image-pixels', 1),
    describe: 'Most pixels of an image',
    defaultDescription: '268402689, or the bytes of its file',
    group: 'Inputs:',
  },
  ...s3Options,
  pattern: { choices: patterns, default: 'noise', describe: 'What the images show', group: 'Images:' },
  width: {
    ...text,
    coerce: integer('--width', 1, 65_535),
    describe: 'Columns, in pixels',
    defaultDescription: '1080',
    group: 'Images:',
  },
  height: {
    ...text,
    coerce: integer('--height', 1, 65_535),
    describe: 'Rows, in pixels',
    defaultDescription: '1920',
    group: 'Images:',
  },
  seed: {
    ...text,
    describe: 'Text that makes the same pixels again',
    defaultDescription: 'random',
    group: 'Images:',
  },
  'dry-run': {
    type: 'boolean',
    describe: 'Say what would be sent, image by image, and send nothing; no broker is needed',
    group: 'Images:',
  },
  rate: {
    ...text,
    coerce: positiveNumber('--rate'),
    describe: 'Images a second',
    defaultDescription: 'as fast as they go',
    group: 'Images:',
  },
  format: { choices: formats, default: 'cloudevents', describe: 'Format of the records', group: 'Format:' },
  encoding: {
    choices: ['original', ...encodings] as const,
    synonyms: encodingSynonyms,
    describe: 'How images are encoded; original: as they are',
    defaultDescription: 'original; png for generated ones',
    group: 'Format:',
  },
  compression: {
    choices: compressions,
    describe: 'Of npy; auto: what pays on a sample',
    defaultDescription: 'auto',
    group: 'Format:',
  },
  quality: {
    ...text,
    coerce: integer('--quality', 1, 100),
    describe: 'Of jpeg, webp and avif, 1 to 100',
    defaultDescription: '80, avif 50',
    group: 'Format:',
  },
  resize: {
    ...text,
    coerce: pixelSize('--resize'),
    describe: 'Shrink what is larger to fit inside: 1024x768',
    group: 'Format:',
  },
  ...connectionOptions({ requestTimeoutMs: '300000' }),
  acks: {
    ...text,
    alias: 'a',
    describe:
      'Who must have a record: 0 nobody, 1 the leader, all (or -1) every in-sync replica. Use all for what must not be lost',
    defaultDescription: '1',
    group: 'Kafka:',
  },
  'max-request-size': {
    ...text,
    alias: 'mrs',
    describe: 'Bytes that a request may take; a topic that is created allows as much',
    defaultDescription: '13772512',
    group: 'Kafka:',
  },
  partitions: {
    ...text,
    coerce: integer('--partitions', 1, 100_000),
    describe: 'Of a topic that does not exist yet',
    defaultDescription: "the broker's",
    group: 'Kafka:',
  },
  'replication-factor': {
    ...text,
    coerce: integer('--replication-factor', 1, 32_767),
    describe: 'Of a topic that does not exist yet',
    defaultDescription: '3, or the number of brokers',
    group: 'Kafka:',
  },
  ...outputOptions,
} as const satisfies OptionDefinitions;

export type ProducerOptions = OptionValues<typeof options>;
