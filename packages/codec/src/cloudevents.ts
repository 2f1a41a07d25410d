import { createHash } from 'node:crypto';
import { parseContentEncoding } from './compression.ts';
import type { Compression } from './compression.ts';
import { CodecError } from './errors.ts';
import { assertIdentifier } from './image.ts';
import type { Image } from './image.ts';
import { assertPayloadBytes, assertTextBytes } from './limits.ts';
import type { Limits } from './limits.ts';
import { fromPayload, toPayload } from './payload.ts';
import type { OutgoingRecord, ReceivedRecord } from './record.ts';
import { describe, fromBase64, toJsonObject, toText, toTime } from './text.ts';

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
 *     content-encoding    of NPY: absent, deflate, gzip or br
 */
const imageType = 'image-stream.image.v1';
const defaultSource = '/image-stream/producer';

/** Longer values are never needed, and a stranger's headers are kept in memory. */
const maxHeaderBytes = 65_536;

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
  | 'payloadsha256';
type Attributes = (name: Attribute) => string | undefined;

/** The record of an image that travels in one piece. */
export async function encodeCloudEvent(image: Image, compression: Compression): Promise<OutgoingRecord> {
  const { bytes, mediaType, contentEncoding } = await toPayload(image.content, compression);
  return {
    key: image.id,
    value: bytes,
    headers: {
      ce_specversion: '1.0',
      ce_type: imageType,
      ce_id: image.id,
      ce_source: image.source ?? defaultSource,
      ce_time: image.createdAt.toISOString(),
      ce_customerid: image.customerId,
      ...(image.filename !== undefined && { ce_filename: image.filename }),
      ce_payloadsize: String(bytes.length),
      ce_payloadsha256: sha256(bytes),
      'content-type': mediaType,
      ...(contentEncoding !== undefined && { 'content-encoding': contentEncoding }),
    },
  };
}

/** True where the record's headers are those of a binary or structured event. */
export function isCloudEvent({ headers = {} }: ReceivedRecord): boolean {
  return (
    headers['ce_specversion'] !== undefined ||
    (headerText(headers, 'content-type') ?? '').startsWith('application/cloudevents+json')
  );
}

/** Reads an event in either mode. Events of any foreign type count, as long as their data is an image. */
export async function decodeCloudEvent(record: ReceivedRecord, limits: Required<Limits>): Promise<Image> {
  const { headers = {}, value } = record;
  const bytes = value ?? Buffer.alloc(0);
  if (headers['ce_specversion'] === undefined) {
    assertTextBytes(bytes.length, limits);
    return decodeStructured(toJsonObject(bytes), record, limits);
  }
  const attributes: Attributes = (name) => headerText(headers, `ce_${name}`);
  const contentEncoding = parseContentEncoding(headerText(headers, 'content-encoding') ?? '');
  return toImage(attributes, bytes, contentEncoding, record, limits);
}

/** Reads an event whose attributes and base64 data are one JSON object. */
export async function decodeStructured(
  event: Record<string, unknown> | undefined,
  record: ReceivedRecord,
  limits: Required<Limits>,
): Promise<Image> {
  if (event === undefined) {
    throw new CodecError('MALFORMED_RECORD', 'structured CloudEvent is not a JSON object in UTF-8');
  }
  const attributes: Attributes = (name) => {
    const value = Object.hasOwn(event, name) ? event[name] : undefined;
    if (value !== undefined && typeof value !== 'string' && typeof value !== 'number') {
      throw new CodecError(
        'MALFORMED_RECORD',
        `CloudEvents attribute '${name}' must be a string, not ${describe(value)}`,
      );
    }
    return value?.toString();
  };
  return toImage(attributes, fromBase64('data_base64', event['data_base64']), undefined, record, limits);
}

async function toImage(
  attributes: Attributes,
  payload: Uint8Array,
  contentEncoding: Parameters<typeof fromPayload>[1],
  record: ReceivedRecord,
  limits: Required<Limits>,
): Promise<Image> {
  assertReadable(attributes);
  assertPayloadBytes(payload.length, limits);
  assertIntact(attributes, payload);

  const id = attributes('id');
  const source = attributes('source');
  const customerId = attributes('customerid') ?? source;
  const filename = attributes('filename');
  assertIdentifier('CloudEvents attribute id', id);
  assertIdentifier('CloudEvents attribute source', source);
  assertIdentifier('CloudEvents attribute customerid', customerId);
  return {
    id,
    customerId,
    createdAt: parseTime(attributes('time'), record),
    source,
    ...(filename !== undefined && { filename }),
    content: await fromPayload(payload, contentEncoding, limits),
  };
}

function assertReadable(attributes: Attributes): void {
  const version = attributes('specversion');
  if (version !== '1.0') {
    throw new CodecError('UNSUPPORTED', `CloudEvents specversion ${describe(version)} is not '1.0'`);
  }
  const type = attributes('type');
  if (type === undefined) {
    throw new CodecError('MALFORMED_RECORD', 'CloudEvents attribute type is missing');
  }
  // Our own types may change what the payload means; a foreign type only names an occasion.
  if (type.startsWith('image-stream.') && type !== imageType) {
    throw new CodecError('UNSUPPORTED', `CloudEvents type ${describe(type)} is not known to this version`);
  }
}

function assertIntact(attributes: Attributes, payload: Uint8Array): void {
  const size = attributes('payloadsize');
  if (size !== undefined && size !== String(payload.length)) {
    throw new CodecError(
      'CORRUPT_PAYLOAD',
      `payload has ${payload.length} bytes, but payloadsize says ${describe(size)}`,
    );
  }
  const expected = attributes('payloadsha256');
  if (expected === undefined) {
    return;
  }
  const actual = sha256(payload);
  if (actual !== expected.toLowerCase()) {
    throw new CodecError(
      'CORRUPT_PAYLOAD',
      `payload has SHA-256 ${actual}, but payloadsha256 says ${describe(expected)}`,
    );
  }
}

/** RFC 3339; https://www.rfc-editor.org/rfc/rfc3339#section-5.6 */
const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

function parseTime(time: string | undefined, record: ReceivedRecord): Date {
  if (time === undefined) {
    return toTime('record timestamp', Number(record.timestamp), record.timestamp);
  }
  return toTime('CloudEvents attribute time', rfc3339.test(time) ? Date.parse(time) : Number.NaN, time);
}

function headerText(headers: NonNullable<ReceivedRecord['headers']>, name: string): string | undefined {
  const header = Object.hasOwn(headers, name) ? headers[name] : undefined;
  const value = Array.isArray(header) ? header.at(-1) : header;
  if (value === undefined || typeof value === 'string') {
    return value;
  }
  if (value.length > maxHeaderBytes) {
    throw new CodecError(
      'LIMIT_EXCEEDED',
      `header ${name} of ${value.length} bytes exceeds the limit of ${maxHeaderBytes}`,
    );
  }
  const text = toText(value);
  if (text === undefined) {
    throw new CodecError('MALFORMED_RECORD', `header ${name} is not UTF-8`);
  }
  return text;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
