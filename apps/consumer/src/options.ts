import { encodings, encodingSynonyms } from '@image-stream/image-io';
import { connectionOptions } from '@image-stream/kafka-config';
import {
  bytes,
  directory,
  duration,
  healthOptions,
  integer,
  integers,
  moment,
  nonEmpty,
  outputOptions,
  pixelSize,
  timeZone,
} from '@image-stream/program';
import type { OptionDefinitions, OptionValues } from '@image-stream/program';
import { layouts, outputLocation, s3Options } from '@image-stream/storage';

const text = { type: 'string' } as const;

/** Everything that can be said to the consumer. */
export const options = {
  'output-directory': {
    ...text,
    alias: ['o', 'output'],
    coerce: outputLocation('--output-directory'),
    describe: 'Where images are saved, also --output: a directory, or s3://bucket/prefix',
    default: 'output',
    group: 'Files:',
  },
  ...s3Options,
  'scratch-directory': {
    ...text,
    coerce: directory('--scratch-directory'),
    describe: 'With s3: where chunks and images that are not finished lie',
    defaultDescription: "the system's temporary folder",
    group: 'Files:',
  },
  layout: {
    choices: layouts,
    default: 'files',
    describe: 'A file for each image; webdataset or parquet: many in one, to train from',
    group: 'Files:',
  },
  'shard-bytes': {
    ...text,
    coerce: bytes('--shard-bytes'),
    describe: 'With shards: bytes of one',
    defaultDescription: '1GiB',
    group: 'Files:',
  },
  'shard-images': {
    ...text,
    coerce: integer('--shard-images', 1),
    describe: 'With shards: images of one',
    defaultDescription: '100000',
    group: 'Files:',
  },
  'shard-interval': {
    ...text,
    coerce: duration('--shard-interval'),
    describe: 'With shards: how long one is open for more images: 30s, 10m, 2h',
    defaultDescription: '10m',
    group: 'Files:',
  },
  'save-as': {
    choices: ['original', ...encodings] as const,
    synonyms: encodingSynonyms,
    default: 'original',
    describe: 'Encoding of the files; original: as received, pixels as png',
    group: 'Files:',
  },
  resize: {
    ...text,
    coerce: pixelSize('--resize'),
    describe: 'Shrink what is larger to fit inside: 1024x768',
    group: 'Files:',
  },
  'time-zone': {
    ...text,
    coerce: timeZone('--time-zone'),
    describe: 'Whose date is in the path',
    default: 'UTC',
    group: 'Files:',
  },
  overwrite: {
    type: 'boolean',
    describe: 'Let a different image of the same id replace the file',
    group: 'Files:',
  },
  'num-messages': {
    ...text,
    alias: 'n',
    coerce: integer('--num-messages', 1),
    describe: 'Stop after so many images',
    group: 'Reading:',
  },
  'exit-at-end': {
    type: 'boolean',
    describe: 'Stop at the ends that the partitions had at start',
    group: 'Reading:',
  },
  'from-beginning': {
    type: 'boolean',
    describe: 'Read the topic again, whatever the group has committed',
    group: 'Reading:',
  },
  'auto-offset-reset': {
    ...text,
    alias: 'aor',
    describe: 'Where a new group begins: earliest or latest',
    defaultDescription: 'earliest',
    group: 'Reading:',
  },
  'enable-auto-commit': {
    type: 'boolean',
    alias: 'eac',
    describe: 'Commit on a timer; else as soon as images are on disk. Never ahead of the disk',
    defaultDescription: 'false',
    group: 'Reading:',
  },
  'group-id': {
    ...text,
    alias: 'gid',
    describe: 'Consumer group',
    defaultDescription: 'image-consumer',
    group: 'Reading:',
  },
  'on-error': {
    choices: ['dead-letter', 'stop'] as const,
    default: 'dead-letter',
    describe: 'What becomes of a bad record',
    group: 'Bad records:',
  },
  'dead-letter-topic': {
    ...text,
    describe: 'Where bad records go',
    defaultDescription: '<topic>.dead-letter',
    group: 'Bad records:',
  },
  'max-bad-records': {
    ...text,
    coerce: integer('--max-bad-records', 0),
    describe: 'Stop when so many come before the first good one; 0: never',
    defaultDescription: '100',
    group: 'Bad records:',
  },
  customer: {
    ...text,
    coerce: nonEmpty('--customer'),
    describe: 'Images of this customer only',
    group: 'Selecting:',
  },
  since: {
    ...text,
    coerce: moment('--since'),
    describe: 'Records from this time on: 2026-11-24T08:00:00Z, 2026-11-24, or 2h (ago)',
    group: 'Selecting:',
  },
  until: {
    ...text,
    coerce: moment('--until'),
    describe: 'Records before this time, and then stop',
    group: 'Selecting:',
  },
  partition: {
    ...text,
    coerce: integers('--partition'),
    describe: 'These partitions only: 0 or 0,3',
    group: 'Selecting:',
  },
  ...connectionOptions({ requestTimeoutMs: '30000' }),
  concurrency: {
    ...text,
    coerce: integer('--concurrency', 1, 1024),
    describe: 'Images in work at once',
    defaultDescription: '32, with s3 64; of those decoded, twice the processors',
    group: 'Limits:',
  },
  'max-in-flight-bytes': {
    ...text,
    coerce: bytes('--max-in-flight-bytes'),
    describe: 'Bytes of records in work at once',
    defaultDescription: '128MiB',
    group: 'Limits:',
  },
  'max-image-bytes': {
    ...text,
    coerce: bytes('--max-image-bytes'),
    describe: 'Largest payload, as transmitted',
    defaultDescription: '4GiB',
    group: 'Limits:',
  },
  'chunk-timeout': {
    ...text,
    coerce: duration('--chunk-timeout'),
    describe: 'How long an image may wait for its next chunk: 30s, 10m, 2h',
    defaultDescription: '10m',
    group: 'Limits:',
  },
  'max-incomplete-bytes': {
    ...text,
    coerce: bytes('--max-incomplete-bytes'),
    describe: 'Bytes on disk of images whose chunks have not all come',
    defaultDescription: '16GiB',
    group: 'Limits:',
  },
  'max-image-pixels': {
    ...text,
    coerce: integer('--max-image-pixels', 1),
    describe: 'Most pixels that are decoded',
    defaultDescription: '268402689',
    group: 'Limits:',
  },
  ...healthOptions,
  ...outputOptions,
} as const satisfies OptionDefinitions;

export type ConsumerOptions = OptionValues<typeof options>;
