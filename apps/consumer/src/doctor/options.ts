import { connectionOptions } from '@image-stream/kafka-config';
import { outputOptions } from '@image-stream/program';
import type { OptionDefinitions } from '@image-stream/program';
import { s3Options } from '@image-stream/storage';
import { options } from '../options.ts';

/** Everything that can be said to `consumer doctor`. */
export const doctorOptions = {
  'output-directory': options['output-directory'],
  ...s3Options,
  'scratch-directory': options['scratch-directory'],
  layout: options.layout,
  'shard-bytes': options['shard-bytes'],
  'group-id': options['group-id'],
  'auto-offset-reset': options['auto-offset-reset'],
  'on-error': options['on-error'],
  'dead-letter-topic': options['dead-letter-topic'],
  ...connectionOptions({ requestTimeoutMs: '3000' }),
  ...outputOptions,
} as const satisfies OptionDefinitions;
