import { connectionSources } from '@image-stream/kafka-config';
import type { ConnectionValues, PropertySources } from '@image-stream/kafka-config';
import type { RunContext } from '@image-stream/program';
import type { options, ProducerOptions } from './options.ts';

/** Where Kafka's properties come from. */
export function sourcesOf(
  values: ConnectionValues & Pick<ProducerOptions, 'max-request-size' | 'acks'>,
  context: Pick<RunContext<typeof options>, 'path' | 'configOf'>,
): PropertySources {
  return connectionSources(values, context, {
    flags: {
      'max.request.size': { option: '--max-request-size', text: values['max-request-size'] },
      acks: { option: '--acks', text: values.acks },
    },
    defaults: {
      'request.timeout.ms': '300000',
      'delivery.timeout.ms': '300000',
      'max.request.size': '13772512',
      acks: '1',
    },
  });
}
