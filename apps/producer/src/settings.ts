import { connectionSources } from '@image-stream/kafka-config';
import type { PropertySources } from '@image-stream/kafka-config';
import type { RunContext } from '@image-stream/program';
import type { options } from './options.ts';

/** Where Kafka's properties come from. */
export function sourcesOf(context: Pick<RunContext<typeof options>, 'path' | 'given'>): PropertySources {
  return connectionSources(context, {
    options: { 'max.request.size': 'max-request-size', acks: 'acks' },
    defaults: {
      'request.timeout.ms': '300000',
      'delivery.timeout.ms': '300000',
      'max.request.size': '13772512',
      acks: '1',
    },
  });
}
