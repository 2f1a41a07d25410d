import { connectionOptions } from '@image-stream/kafka-config';
import { outputOptions } from '@image-stream/program';
import type { OptionDefinitions } from '@image-stream/program';
import { s3Options } from '@image-stream/storage';
import { options } from '../options.ts';

/** Everything that can be said to `consumer verify`; what decides on paths and contents is as for the consumer. */
export const verifyOptions = {
  'output-directory': {
    ...options['output-directory'],
    describe: 'Where the images were saved: a directory, or s3://bucket/prefix; also --output',
  },
  ...s3Options,
  layout: { ...options.layout, describe: 'The same as for the consumer' },
  'save-as': { ...options['save-as'], describe: 'The same as for the consumer' },
  resize: { ...options.resize, describe: 'The same as for the consumer' },
  'time-zone': options['time-zone'],
  customer: options.customer,
  since: options.since,
  until: { ...options.until, describe: 'Only records before this time' },
  partition: options.partition,
  ...connectionOptions({ requestTimeoutMs: '30000' }),
  'dead-letter-topic': {
    type: 'string',
    describe: 'Where the consumer puts bad records',
    defaultDescription: '<topic>.dead-letter',
    group: 'Kafka:',
  },
  concurrency: options.concurrency,
  'max-in-flight-bytes': options['max-in-flight-bytes'],
  'max-image-bytes': options['max-image-bytes'],
  'max-image-pixels': options['max-image-pixels'],
  ...outputOptions,
} as const satisfies OptionDefinitions;
