import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import { lastHeaderValue } from '@image-stream/codec';
import type { ImageAttributes, ReceivedRecord } from '@image-stream/codec';

/** The record that an image came in; of one in chunks, the one that made it whole. */
export interface Origin extends Pick<ReceivedRecord, 'topic' | 'partition' | 'offset' | 'headers'> {
  /** What tells the topic from another one of its name; undefined where the brokers do not say. */
  readonly topicId?: string | undefined;
}

/** What a shard says of an image, in the file beside it. */
export interface Sample {
  readonly id: string;
  readonly customer: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly mediaType: string;
  readonly width: number;
  readonly height: number;
  /** SHA-256 of what was received, in lower-case hex. */
  readonly sha256: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Of the record: of one that is repeated the last, and in base64 what is no text. Loaders want one type for all. */
  readonly headers: Readonly<Record<string, string | null>>;
}

/** The most of a topic's name that is in the name of a sample: with the rest, 100 bytes are what a tar archive has for it. */
const maxTopicLength = 40;

/** Digits of an offset, as in the names of Kafka's own files: names are in the order of offsets. */
const offsetDigits = 20;

/**
 * Which samples may share a shard: `<topic>-<topic id>-<partition>`. Of the topic's id, eight digits tell it from others of the same name, such
 * as the one that it replaced. No dot is in it, since for loaders the extension begins with the first one.
 */
export function lineOf({ topic, topicId, partition }: Origin): string {
  const id = hash('sha256', `${topic}\n${topicId ?? ''}`).slice(0, 8);
  return `${topicName(topic)}-${id}-${partition}`;
}

/** With which a line begins. */
export function topicName(topic: string): string {
  // A topic that differs from another in dots alone, Kafka does not create.
  return topic.replaceAll('.', '_').slice(0, maxTopicLength);
}

/** The name of a sample, unique over all shards: its line and its offset. */
export function sampleName(line: string, offset: number): string {
  return `${line}-${String(offset).padStart(offsetDigits, '0')}`;
}

/** What a shard's key says, which is the name of its first sample. */
export interface ShardKey {
  readonly folder: string;
  readonly line: string;
  /** The offset of its first sample. */
  readonly first: number;
  /** Of its images. */
  readonly extension: string;
}

/** The parts of a shard's key; undefined for any other key. */
export function parseShardKey(key: string, container: string): ShardKey | undefined {
  const match = /^(customer=[^/]+\/date=[^/]+)\/(.+)-(\d{20})\.([^./]+)\.([^./]+)$/.exec(key);
  const [, folder, line, first, extension, end] = match ?? [];
  return match === null || end !== container
    ? undefined
    : { folder: folder!, line: line!, first: Number(first), extension: extension! };
}

/** What a shard says of an image. */
export function sampleOf(
  { id, customerId, createdAt }: ImageAttributes,
  { topic, partition, offset, headers = {} }: Origin,
  seen: Pick<Sample, 'mediaType' | 'width' | 'height' | 'sha256'>,
): Sample {
  const shown: Record<string, string | null> = {};
  for (const name of Object.keys(headers)) {
    shown[name] = textOf(lastHeaderValue(headers, name));
  }
  return {
    ...{ id, customer: customerId, createdAt: createdAt.toISOString() },
    ...seen,
    ...{ topic, partition, offset: Number(offset) },
    headers: shown,
  };
}

/** @throws Error for what is no sample of this program */
export function assertSample(sample: Partial<Sample>): Sample {
  if (
    typeof sample.id !== 'string' ||
    typeof sample.sha256 !== 'string' ||
    !Number.isSafeInteger(sample.offset)
  ) {
    throw new Error('it has no id, sha256 or offset');
  }
  return sample as Sample;
}

function textOf(value: Uint8Array | string | undefined): string | null {
  if (value === undefined || typeof value === 'string') {
    return value ?? null;
  }
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return isUtf8(bytes) ? bytes.toString() : bytes.toString('base64');
}
