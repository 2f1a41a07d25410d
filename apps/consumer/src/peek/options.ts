import { connectionOptions } from '@image-stream/kafka-config';
import { integer, outputOptions } from '@image-stream/program';
import type { OptionDefinitions } from '@image-stream/program';
import { options } from '../options.ts';

/** Everything that can be said to `consumer peek`. */
export const peekOptions = {
  'num-messages': {
    ...options['num-messages'],
    coerce: integer('--num-messages', 1, 10_000),
    describe: 'Number of images to show',
    defaultDescription: '10',
  },
  customer: options.customer,
  partition: options.partition,
  pictures: {
    type: 'boolean',
    describe: 'Show thumbnails too, in a terminal with 24-bit colour',
    group: 'Output:',
  },
  ...connectionOptions({ requestTimeoutMs: '30000' }),
  'max-image-pixels': options['max-image-pixels'],
  ...outputOptions,
  json: { ...outputOptions.json, describe: 'Print one JSON object per image, one per line' },
} as const satisfies OptionDefinitions;
