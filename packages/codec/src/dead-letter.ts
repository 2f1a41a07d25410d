import { headerText } from './headers.ts';
import type { ReceivedRecord } from './record.ts';

/**
 * The headers with which Kafka Connect says where a dead letter came from and why, so that tools which know its
 * dead-letter queues show ours:
 * https://kafka.apache.org/documentation/#connect_errorreporting, KIP-298
 */
const prefix = '__connect.errors.';

/** Where a record failed, in Kafka Connect's terms: when its value was read, or when its image was put in place. */
export type DeadLetterStage = 'VALUE_CONVERTER' | 'TASK_PUT';

/** Where a record is. */
export type RecordPlace = Pick<ReceivedRecord, 'topic' | 'partition' | 'offset'>;

/** The headers that a dead letter has in addition to those of its record. */
export function deadLetterHeaders(
  { topic, partition, offset }: RecordPlace,
  stage: DeadLetterStage,
  error: Error & { readonly code?: unknown },
): Record<string, string> {
  const className = typeof error.code === 'string' ? `${error.name}.${error.code}` : error.name;
  return {
    [`${prefix}topic`]: topic,
    [`${prefix}partition`]: String(partition),
    [`${prefix}offset`]: offset,
    [`${prefix}stage`]: stage,
    [`${prefix}exception.class.name`]: className,
    [`${prefix}exception.message`]: error.message,
  };
}

/** Where a record was first: of a dead letter, the place that its headers name; of all others, the place that it has. */
export function originOf(record: ReceivedRecord): RecordPlace {
  const [topic, partition, offset] = ['topic', 'partition', 'offset'].map((name) =>
    headerText(record.headers ?? {}, `${prefix}${name}`),
  );
  const isDeadLetter =
    topic !== undefined && /^\d{1,10}$/.test(partition ?? '') && /^\d{1,19}$/.test(offset ?? '');
  return isDeadLetter ? { topic, partition: Number(partition), offset: offset! } : record;
}
