import type { Limits } from '@image-stream/codec';
import { connectionSources } from '@image-stream/kafka-config';
import type { PropertySources } from '@image-stream/kafka-config';
import { bytesInWork, processors } from '@image-stream/budget';
import type { RunContext } from '@image-stream/program';
import { isS3Url } from '@image-stream/storage';
import type { ShardLimits } from '@image-stream/storage';
import type { ConsumerOptions, options } from './options.ts';

/** Bytes of records in work at once, as received. */
export function defaultMaxInFlightBytes(): number {
  return bytesInWork(128 * 1024 ** 2);
}

/** What raises a limit, for messages. */
export const raisedBy = { maxImageBytes: '--max-image-bytes', maxImagePixels: '--max-image-pixels' };

/** How many images are in work at once: most of them wait for the disk or the store, whatever the processors. */
export function defaultConcurrency(output: string): number {
  return isS3Url(output) ? 64 : 32;
}

/** How many of them are decoded at once. */
export function defaultDecodedAtOnce(): number {
  return 2 * processors();
}

/** The limits that were set; the others are the codec's own. */
export function limitsOf(
  values: Partial<Pick<ConsumerOptions, 'max-image-bytes' | 'max-image-pixels'>>,
): Limits {
  return {
    raisedBy,
    ...(values['max-image-bytes'] !== undefined && { maxImageBytes: values['max-image-bytes'] }),
    ...(values['max-image-pixels'] !== undefined && { maxImagePixels: values['max-image-pixels'] }),
  };
}

/** When shards are closed. */
export function shardLimitsOf(
  values: Partial<Pick<ConsumerOptions, 'shard-bytes' | 'shard-images' | 'shard-interval'>>,
): ShardLimits {
  return {
    shardBytes: values['shard-bytes'] ?? 1024 ** 3,
    shardImages: values['shard-images'] ?? 100_000,
    shardIntervalMs: values['shard-interval'] ?? 600_000,
  };
}

/** Where Kafka's properties come from. */
export function sourcesOf(context: Pick<RunContext<typeof options>, 'path' | 'given'>): PropertySources {
  return connectionSources(context, {
    options: {
      'auto.offset.reset': 'auto-offset-reset',
      'enable.auto.commit': 'enable-auto-commit',
      'group.id': 'group-id',
    },
    defaults: {
      'request.timeout.ms': '30000',
      'group.id': 'image-consumer',
      'auto.offset.reset': 'earliest',
      'enable.auto.commit': 'false',
    },
  });
}
