import { connectionOptions } from '@image-stream/kafka-config';
import { outputOptions } from '@image-stream/program';
import type { OptionDefinitions } from '@image-stream/program';
import { options } from '../options.ts';

/** Everything that can be said to `producer doctor`. */
export const doctorOptions = {
  ...connectionOptions({ requestTimeoutMs: '3000' }),
  acks: options.acks,
  'max-request-size': options['max-request-size'],
  ...outputOptions,
} as const satisfies OptionDefinitions;
