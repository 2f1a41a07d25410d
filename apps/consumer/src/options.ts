import { encodings, encodingSynonyms } from '@image-stream/image-io';
import { connectionOptions } from '@image-stream/kafka-config';
import { healthOptions } from '@image-stream/http';
import {
  bytes,
  directory,
  duration,
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
    describe: 'Where to save images: a directory, or s3://bucket/prefix; also --output',
    default: 'output',
    group: 'Files:',
  },
  ...s3Options,
  'scratch-directory': {
    ...text,
    coerce: directory('--scratch-directory'),
    describe: 'With s3: directory for chunks and unfinished images',
    defaultDescription: "the system's temporary folder",
    group: 'Files:',
  },
  layout: {
    choices: layouts,
    default: 'files',
    describe: 'files: one per image; webdataset, parquet: many images per file, for training',
    group: 'Files:',
  },
  'shard-bytes': {
    ...text,
    coerce: bytes('--shard-bytes'),
    describe: 'Maximum bytes per shard',
    defaultDescription: '1GiB',
    group: 'Files:',
  },
  'shard-images': {
    ...text,
    coerce: integer('--shard-images', 1),
    describe: 'Maximum images per shard',
    defaultDescription: '100000',
    group: 'Files:',
  },
  'shard-interval': {
    ...text,
    coerce: duration('--shard-interval'),
    describe: 'Maximum time a shard stays open: 30s, 10m, 2h',
    defaultDescription: '10m',
    group: 'Files:',
  },
  'save-as': {
    choices: ['original', ...encodings] as const,
    synonyms: encodingSynonyms,
    default: 'original',
    describe: 'Encoding of the files; original: as received, raw pixels as png',
    group: 'Files:',
  },
  resize: {
    ...text,
    coerce: pixelSize('--resize'),
    describe: 'Shrink larger images to fit within this size, such as 1024x768',
    group: 'Files:',
  },
  'time-zone': {
    ...text,
    coerce: timeZone('--time-zone'),
    describe: 'Time zone of the date in file paths',
    default: 'UTC',
    group: 'Files:',
  },
  overwrite: {
    type: 'boolean',
    describe: 'Replace a file if a different image with the same id arrives',
    group: 'Files:',
  },
  'num-messages': {
    ...text,
    alias: 'n',
    coerce: integer('--num-messages', 1),
    describe: 'Stop after this many images',
    group: 'Reading:',
  },
  'exit-at-end': {
    type: 'boolean',
    describe: 'Stop at the end of the topic, as of the start',
    group: 'Reading:',
  },
  'from-beginning': {
    type: 'boolean',
    describe: 'Read the topic from its beginning, whatever the group has committed',
    group: 'Reading:',
  },
  'auto-offset-reset': {
    ...text,
    alias: 'aor',
    describe: 'Where a new group starts: earliest or latest',
    defaultDescription: 'earliest',
    group: 'Reading:',
  },
  'enable-auto-commit': {
    type: 'boolean',
    alias: 'eac',
    describe: 'Commit on a timer instead of as soon as images are on disk; never before',
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
    describe: 'What to do with a bad record',
    group: 'Bad records:',
  },
  'dead-letter-topic': {
    ...text,
    describe: 'Topic for bad records',
    defaultDescription: '<topic>.dead-letter',
    group: 'Bad records:',
  },
  'max-bad-records': {
    ...text,
    coerce: integer('--max-bad-records', 0),
    describe: 'Abort if the first N records are all bad; 0: never',
    defaultDescription: '100',
    group: 'Bad records:',
  },
  customer: {
    ...text,
    coerce: nonEmpty('--customer'),
    describe: 'Only images of this customer',
    group: 'Selecting:',
  },
  since: {
    ...text,
    coerce: moment('--since'),
    describe: 'Only records from this time on: 2026-11-24T08:00:00Z, 2026-11-24, or 2h (ago)',
    group: 'Selecting:',
  },
  until: {
    ...text,
    coerce: moment('--until'),
    describe: 'Only records before this time, then stop',
    group: 'Selecting:',
  },
  partition: {
    ...text,
    coerce: integers('--partition'),
    describe: 'Only these partitions: 0 or 0,3',
    group: 'Selecting:',
  },
  ...connectionOptions({ requestTimeoutMs: '30000' }),
  concurrency: {
    ...text,
    coerce: integer('--concurrency', 1, 1024),
    describe: 'Maximum images processed at once',
    defaultDescription: '32, with s3 64; if decoded, twice the CPUs',
    group: 'Limits:',
  },
  'max-in-flight-bytes': {
    ...text,
    coerce: bytes('--max-in-flight-bytes'),
    describe: 'Maximum bytes of records processed at once',
    defaultDescription: '128MiB, less in a container below 640 MiB',
    group: 'Limits:',
  },
  'max-image-bytes': {
    ...text,
    coerce: bytes('--max-image-bytes'),
    describe: 'Maximum size of an image, as transmitted',
    defaultDescription: '4GiB',
    group: 'Limits:',
  },
  'chunk-timeout': {
    ...text,
    coerce: duration('--chunk-timeout'),
    describe: 'How long to wait for the next chunk of an image: 30s, 10m, 2h',
    defaultDescription: '10m',
    group: 'Limits:',
  },
  'max-incomplete-bytes': {
    ...text,
    coerce: bytes('--max-incomplete-bytes'),
    describe: 'Maximum bytes on disk of incomplete images',
    defaultDescription: '16GiB',
    group: 'Limits:',
  },
  'max-image-pixels': {
    ...text,
    coerce: integer('--max-image-pixels', 1),
    describe: 'Maximum pixels of a decoded image',
    defaultDescription: '268402689',
    group: 'Limits:',
  },
  ...healthOptions,
  ...outputOptions,
} as const satisfies OptionDefinitions;

export type ConsumerOptions = OptionValues<typeof options>;
