import { connectionOptions } from '@image-stream/kafka-config';
import { outputOptions } from '@image-stream/program';
import type { OptionDefinitions } from '@image-stream/program';
import { s3Options } from '@image-stream/storage';
import { options } from '../options.ts';

/** Everything that can be said to `consumer verify`; what decides on paths and contents is as for the consumer. */
export const verifyOptions = {
  'output-directory': {
    ...options['output-directory'],
    describe: 'Where the images were saved, also --output: a directory, or s3://bucket/prefix',
  },
  ...s3Options,
  layout: { ...options.layout, describe: 'Layout that the consumer was given' },
  'save-as': { ...options['save-as'], describe: 'Encoding that the consumer was given' },
  resize: { ...options.resize, describe: 'Size that the consumer was given' },
  'time-zone': options['time-zone'],
  customer: options.customer,
  since: options.since,
  until: { ...options.until, describe: 'Records before this time' },
  partition: options.partition,
  ...connectionOptions({ requestTimeoutMs: '30000' }),
  'dead-letter-topic': {
    type: 'string',
    describe: 'Where records are that the consumer could not save',
    defaultDescription: '<topic>.dead-letter',
    group: 'Kafka:',
  },
  concurrency: options.concurrency,
  'max-in-flight-bytes': options['max-in-flight-bytes'],
  'max-image-bytes': options['max-image-bytes'],
  'max-image-pixels': options['max-image-pixels'],
  ...outputOptions,
} as const satisfies OptionDefinitions;
