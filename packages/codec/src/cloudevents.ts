import { hash } from 'node:crypto';
import { contentEncodingOf } from './compression.ts';
import type { ContentEncoding } from './compression.ts';
import { CodecError } from './errors.ts';
import { assertIdentifier } from './image.ts';
import type { DecodedImage } from './image.ts';
import { assertPayloadBytes, assertTextBytes } from './limits.ts';
import type { Limits } from './limits.ts';
import type { Chunk } from './chunk.ts';
import { headerText, lastHeaderValue } from './headers.ts';
import type { Headers } from './headers.ts';
import { decodePayload } from './payload.ts';
import type { ReceivedRecord } from './record.ts';
import { counted, describe, fromBase64, toJsonObject } from './text.ts';
import { parseTime, recordTime } from './time.ts';

/*
 * CloudEvents 1.0 in Kafka's binary content mode: attributes are headers, the value is the
 * payload and nothing else.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
 *
 *     key                 image id
 *     ce_specversion      1.0
 *     ce_type             image-stream.image.v1
 *     ce_id               image id
 *     ce_source           URI reference of the producer
 *     ce_time             creation time, RFC 3339 in UTC
 *     ce_customerid       customer id
 *     ce_filename         original file name, when there was one
 *     ce_payloadsize      bytes of the value
 *     ce_payloadsha256    SHA-256 of the value, lower-case hex
 *     content-type        image/png, ..., or application/x-npy
 *     content-encoding    absent, deflate, gzip or br; written of NPY only
 *
 * A payload that does not fit one record travels in chunks under the same key. Size, hash and encoding are
 * those of the whole payload; what differs:
 *
 *     ce_type             image-stream.chunk.v1
 *     ce_id               <image id>#chunk-<index>
 *     ce_imageid          image id
 *     ce_chunkindex       from 0
 *     ce_chunkcount
 *     ce_payloadtype      content-type of the payload
 *     content-type        application/octet-stream
 */
export const imageType = 'image-stream.image.v1';
export const chunkType = 'image-stream.chunk.v1';
export const defaultSource = '/image-stream/producer';

/** More chunks than any image needs: 57 GB at Kafka's default limit of 1 MB a record. */
export const maxChunkCount = 65_536;

/** The attributes that this package reads, from headers or from structured JSON. */
type Attribute =
  | 'specversion'
  | 'type'
  | 'id'
  | 'source'
  | 'time'
  | 'customerid'
  | 'filename'
  | 'payloadsize'
  | 'payloadsha256'
  | 'imageid'
  | 'chunkindex'
  | 'chunkcount'
  | 'payloadtype';
type Attributes = (name: Attribute) => string | undefined;

/** True where the record's headers are those of a binary or structured event. */
export function isCloudEvent({ headers = {} }: ReceivedRecord): boolean {
  return (
    isBinary(headers) ||
    (headerText(headers, 'content-type') ?? '').toLowerCase().startsWith('application/cloudevents+json')
  );
}

/** True where a record carries a part of an image. */
export function isChunk({ headers = {} }: ReceivedRecord): boolean {
  if (!isBinary(headers)) {
    return false;
  }
  const type = lastHeaderValue(headers, 'ce_type');
  // In quotes where Spring wrote it. What is longer is no type of ours.
  return (
    type !== undefined &&
    type.length <= chunkType.length + 2 &&
    isEither(Buffer.from(type as Uint8Array).toString())
  );
}

function isEither(type: string): boolean {
  return type === chunkType || type === JSON.stringify(chunkType);
}

/** True where the headers are those of a binary event. */
function isBinary(headers: Headers): boolean {
  return lastHeaderValue(headers, 'ce_specversion') !== undefined;
}

/** Reads an event in either mode. Events of any foreign type count, as long as their data is an image. */
export async function decodeCloudEvent(
  record: ReceivedRecord,
  limits: Required<Limits>,
): Promise<DecodedImage> {
  const { headers = {}, value } = record;
  const bytes = value ?? Buffer.alloc(0);
  if (!isBinary(headers)) {
    assertTextBytes(bytes.length, limits);
    return decodeStructured(toJsonObject(bytes), record, limits);
  }
  return toImage(headerAttributes(headers), bytes, contentEncodingOf(headers), record, limits);
}

/** Reads a part of an image; that all of them belong together is for their receiver to see. */
export function decodeChunk(record: ReceivedRecord, limits: Required<Limits>): Chunk {
  const { headers = {}, value } = record;
  const attributes = headerAttributes(headers);
  assertVersion(attributes);
  if (value === null) {
    throw new CodecError('MALFORMED_RECORD', 'a chunk has no value');
  }
  const size = toCount('payloadsize', attributes, 0);
  const count = toCount('chunkcount', attributes, 1);
  const index = toCount('chunkindex', attributes, 0);
  const sha256 = attributes('payloadsha256')?.toLowerCase();
  assertPayloadBytes(size, limits);
  if (count > maxChunkCount) {
    throw new CodecError('LIMIT_EXCEEDED', `${count} chunks exceed the limit of ${maxChunkCount}`);
  }
  if (index >= count) {
    throw new CodecError('MALFORMED_RECORD', `chunkindex ${index} is not below the chunkcount of ${count}`);
  }
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new CodecError(
      'MALFORMED_RECORD',
      `CloudEvents attribute payloadsha256 ${describe(sha256)} is not a SHA-256 in hex`,
    );
  }
  return {
    ...identityOf(attributes, 'imageid', record),
    index,
    count,
    size,
    sha256,
    mediaType: attributes('payloadtype'),
    contentEncoding: contentEncodingOf(headers),
    bytes: value,
  };
}

function toCount(name: Attribute, attributes: Attributes, minimum: number): number {
  const text = attributes(name);
  const value = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= minimum)) {
    throw new CodecError(
      'MALFORMED_RECORD',
      `CloudEvents attribute ${name} ${describe(text)} is not a whole number of ${minimum} or more`,
    );
  }
  return value;
}

function headerAttributes(headers: Headers): Attributes {
  return (name) => headerText(headers, `ce_${name}`);
}

/** Reads an event whose attributes and base64 data are one JSON object. */
export async function decodeStructured(
  event: Record<string, unknown> | undefined,
  record: ReceivedRecord,
  limits: Required<Limits>,
): Promise<DecodedImage> {
  if (event === undefined) {
    throw new CodecError('MALFORMED_RECORD', 'structured CloudEvent is not a JSON object in UTF-8');
  }
  const attributes: Attributes = (name) => {
    // Null is how JSON says that an attribute is not set.
    const value = Object.hasOwn(event, name) ? (event[name] ?? undefined) : undefined;
    if (value !== undefined && typeof value !== 'string' && typeof value !== 'number') {
      throw new CodecError(
        'MALFORMED_RECORD',
        `CloudEvents attribute '${name}' must be a string, not ${describe(value)}`,
      );
    }
    return value?.toString();
  };
  assertVersion(attributes);
  return toImage(attributes, dataOf(event), undefined, record, limits);
}

function dataOf(event: Record<string, unknown>): Buffer {
  const { data, data_base64: base64 } = event;
  if ((base64 ?? null) === null && (data ?? null) !== null) {
    throw new CodecError(
      'MALFORMED_RECORD',
      "structured CloudEvent has 'data', which is for text and JSON; the base64 of an image belongs into 'data_base64'",
    );
  }
  return fromBase64('data_base64', base64);
}

async function toImage(
  attributes: Attributes,
  payload: Uint8Array,
  contentEncoding: ContentEncoding | undefined,
  record: ReceivedRecord,
  limits: Required<Limits>,
): Promise<DecodedImage> {
  assertReadable(attributes);
  assertPayloadBytes(payload.length, limits);
  const sha256 = assertIntact(attributes, payload);

  const content = await decodePayload(payload, contentEncoding, limits);
  const isPayload = 'bytes' in content && contentEncoding === undefined;
  return {
    ...identityOf(attributes, 'id', record),
    content: isPayload && sha256 !== undefined ? { ...content, sha256 } : content,
  };
}

/** Who an image is. */
function identityOf(
  attributes: Attributes,
  idName: 'id' | 'imageid',
  record: ReceivedRecord,
): Omit<DecodedImage, 'content'> {
  const id = attributes(idName);
  const source = attributes('source');
  const customerId = attributes('customerid') ?? source;
  const filename = attributes('filename');
  const time = attributes('time');
  assertIdentifier(`CloudEvents attribute ${idName}`, id);
  assertIdentifier('CloudEvents attribute source', source);
  assertIdentifier('CloudEvents attribute customerid', customerId);
  return {
    id,
    customerId,
    ...(time === undefined
      ? recordTime(record)
      : { createdAt: parseTime('CloudEvents attribute time', time) }),
    source,
    ...(filename !== undefined && { filename }),
  };
}

function assertVersion(attributes: Attributes): void {
  const version = attributes('specversion');
  if (version !== '1.0') {
    throw new CodecError(
      'UNSUPPORTED',
      `CloudEvents specversion ${describe(version)} is not '1.0', the only version that is read`,
    );
  }
}

function assertReadable(attributes: Attributes): void {
  assertVersion(attributes);
  const type = attributes('type');
  if (type === undefined) {
    throw new CodecError('MALFORMED_RECORD', 'CloudEvents attribute type is missing');
  }
  // Our own types may change what the payload means; a foreign type only names an occasion.
  if (type.startsWith('image-stream.') && type !== imageType) {
    throw new CodecError('UNSUPPORTED', `CloudEvents type ${describe(type)} is not known to this version`);
  }
}

/** @returns the SHA-256 of the payload, where the record says one */
function assertIntact(attributes: Attributes, payload: Uint8Array): string | undefined {
  const size = attributes('payloadsize');
  if (size !== undefined && size !== String(payload.length)) {
    throw new CodecError(
      'CORRUPT_PAYLOAD',
      `payload has ${counted(payload.length, 'byte')}, but payloadsize says ${describe(size)}`,
    );
  }
  const expected = attributes('payloadsha256');
  if (expected === undefined) {
    return undefined;
  }
  const actual = hash('sha256', payload);
  if (actual !== expected.toLowerCase()) {
    throw new CodecError(
      'CORRUPT_PAYLOAD',
      `payload has SHA-256 ${actual}, but payloadsha256 says ${describe(expected)}`,
    );
  }
  return actual;
}
