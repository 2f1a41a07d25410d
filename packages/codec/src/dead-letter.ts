import { lastHeaderValue } from './headers.ts';
import type { HeaderValue, ReceivedRecord } from './record.ts';
import { shortened } from './errors.ts';

/**
 * The headers with which Kafka Connect says where a dead letter came from and why, so that tools which know its
 * dead-letter queues show ours:
 * https://kafka.apache.org/documentation/#connect_errorreporting, KIP-298
 */
const prefix = '__connect.errors.';

/** Bytes by which a dead letter may be larger than its record, for the headers that say why it is there. */
export const deadLetterHeadroomBytes = 128 * 1024;

const suffix = '.dead-letter';

/** Where the dead letters of a topic go unless the user says otherwise; those of such a topic stay where they are. */
export function deadLetterTopicOf(topic: string): string {
  return topic.endsWith(suffix) ? topic : `${topic}${suffix}`;
}

/** Where a record failed, in Kafka Connect's terms: when its value was read, or when its image was put in place. */
export type DeadLetterStage = 'VALUE_CONVERTER' | 'TASK_PUT';

/** Where a record is. */
export type RecordPlace = Pick<ReceivedRecord, 'topic' | 'partition' | 'offset'>;

/** The headers that a dead letter has in addition to those of its record. */
export function deadLetterHeaders(
  record: RecordPlace & Pick<ReceivedRecord, 'timestamp' | 'headers'>,
  stage: DeadLetterStage,
  error: Error & { readonly code?: unknown },
): Record<string, string> {
  const { topic, partition, offset } = record;
  const className = typeof error.code === 'string' ? `${error.name}.${error.code}` : error.name;
  return {
    [`${prefix}topic`]: topic,
    [`${prefix}partition`]: String(partition),
    [`${prefix}offset`]: offset,
    [`${prefix}timestamp`]: originalTimestamp(record),
    [`${prefix}stage`]: stage,
    [`${prefix}exception.class.name`]: className,
    [`${prefix}exception.message`]: shortened(error.message),
  };
}

/** Where a record was first: of a dead letter, the place that its headers name; of all others, the place that it has. */
export function originOf(record: ReceivedRecord): RecordPlace {
  return placeBefore(record) ?? record;
}

/**
 * The timestamp that a record had first. A dead letter's own says when it was put aside, so that retention counts from then;
 * those of Kafka Connect, which have no such header, keep the one of their record.
 */
export function originalTimestamp(record: Pick<ReceivedRecord, 'timestamp' | 'headers'>): string {
  const timestamp = placeBefore(record) && textOf(record, 'timestamp');
  return timestamp !== undefined && /^-?\d{1,19}$/.test(timestamp) ? timestamp : record.timestamp;
}

/** A record's headers without those that say why it is a dead letter. */
export function ownHeaders({ headers = {} }: ReceivedRecord): [name: string, value: HeaderValue][] {
  return Object.entries(headers).filter(([name]) => !name.toLowerCase().startsWith(prefix));
}

/** Why and from where a record was put aside. */
export interface DeadLetterReason extends RecordPlace {
  /** Of the record that was put aside, in milliseconds since 1970. */
  readonly timestamp: number;
  /** Name of the error, such as `CodecError.CORRUPT_PAYLOAD`. */
  readonly errorClass: string;
  readonly message: string;
}

/** What the headers of a dead letter say; undefined for any other record. */
export function deadLetterReason(record: ReceivedRecord): DeadLetterReason | undefined {
  const place = placeBefore(record);
  return (
    place && {
      ...place,
      timestamp: Number(originalTimestamp(record)),
      errorClass: shortened(textOf(record, 'exception.class.name') ?? 'unknown error'),
      message: shortened(textOf(record, 'exception.message') ?? 'without a reason'),
    }
  );
}

function placeBefore(record: Pick<ReceivedRecord, 'headers'>): RecordPlace | undefined {
  const [topic, partition = '', offset = ''] = ['topic', 'partition', 'offset'].map((name) =>
    textOf(record, name),
  );
  const isPlace =
    topic !== undefined &&
    topic.length <= maxTopicLength &&
    /^\d{1,10}$/.test(partition) &&
    /^\d{1,19}$/.test(offset);
  return isPlace ? { topic, partition: Number(partition), offset } : undefined;
}

/** Kafka's own limit. What a stranger's header names beyond it is no topic, and must not become part of an id. */
const maxTopicLength = 249;

function textOf({ headers = {} }: Pick<ReceivedRecord, 'headers'>, name: string): string | undefined {
  const value = lastHeaderValue(headers, `${prefix}${name}`);
  return typeof value === 'object' ? Buffer.from(value).toString() : value;
}
