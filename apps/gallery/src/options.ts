import { encodings } from '@image-stream/image-io';
import { connectionOptions } from '@image-stream/kafka-config';
import { integer, nonEmpty, outputOptions, timeZone } from '@image-stream/program';
import type { OptionDefinitions } from '@image-stream/program';
import { layouts, outputLocation, s3Options } from '@image-stream/storage';

const text = { type: 'string', requiresArg: true } as const;

/** Everything that can be said to the gallery. */
export const options = {
  port: {
    ...text,
    alias: 'p',
    coerce: integer('--port', 0, 65_535),
    describe: 'Where the page is served; 0: any port that is free',
    defaultDescription: '8080',
    group: 'Page:',
  },
  host: {
    ...text,
    coerce: nonEmpty('--host'),
    describe: 'Address for --port; 0.0.0.0: for other machines too, and for anyone there',
    default: '127.0.0.1',
    group: 'Page:',
  },
  ...connectionOptions({ requestTimeoutMs: '30000' }),
  'group-id': {
    ...text,
    alias: 'gid',
    describe: 'Consumer group whose lag is shown',
    defaultDescription: 'image-consumer',
    group: 'Kafka:',
  },
  'dead-letter-topic': {
    ...text,
    describe: 'Where records are that the consumer could not save',
    defaultDescription: '<topic>.dead-letter',
    group: 'Kafka:',
  },
  'output-directory': {
    ...text,
    alias: ['o', 'output'],
    coerce: outputLocation('--output-directory'),
    describe: 'Where the consumer saves images, also --output: a directory, or s3://bucket/prefix',
    default: 'output',
    group: 'Files:',
  },
  ...s3Options,
  layout: {
    choices: layouts,
    default: 'files',
    describe: 'Layout that the consumer was given',
    group: 'Files:',
  },
  'save-as': {
    choices: ['original', ...encodings] as const,
    default: 'original',
    describe: 'Encoding that the consumer was given',
    group: 'Files:',
  },
  'time-zone': {
    ...text,
    coerce: timeZone('--time-zone'),
    describe: 'Time zone that the consumer was given',
    default: 'UTC',
    group: 'Files:',
  },
  'max-image-pixels': {
    ...text,
    coerce: integer('--max-image-pixels', 1),
    describe: 'Most pixels that are decoded',
    defaultDescription: '268402689',
    group: 'Limits:',
  },
  ...outputOptions,
} as const satisfies OptionDefinitions;
