import type { Chunk } from './chunk.ts';
import { decodeChunk, decodeCloudEvent, decodeStructured, isChunk, isCloudEvent } from './cloudevents.ts';
import { contentEncodingOf } from './compression.ts';
import { CodecError } from './errors.ts';
import type { DecodedImage } from './image.ts';
import { headerText } from './headers.ts';
import { likenessOf } from './foreign/likeness.ts';
import { assertTextBytes, resolveLimits } from './limits.ts';
import type { Limits } from './limits.ts';
import { sniffMediaType } from './media-type.ts';
import { decodePlain } from './plain.ts';
import { decodePythonJson, isPythonJson } from './python-json.ts';
import type { ReceivedRecord } from './record.ts';
import { brokenJson, counted, describe, isLikeJsonObject, toJsonObject } from './text.ts';

/** What a record turned out to be. */
export type Decoded =
  | { readonly kind: 'image'; readonly image: DecodedImage }
  | { readonly kind: 'chunk'; readonly chunk: Chunk }
  /** Says that what was sent under its key before is deleted: there is nothing to save, and nothing is wrong. */
  | { readonly kind: 'tombstone' };

/**
 * Reads a record in whichever format it is; a topic may mix them.
 *
 * The image's bytes share the record's memory where nothing had to be decompressed.
 *
 * @param limits Default: those of `Limits`
 * @throws CodecError, and nothing else, on bad input
 */
export async function decodeRecord(record: ReceivedRecord, limits?: Limits): Promise<Decoded> {
  const resolved = resolveLimits(limits);
  if (record.batchError !== undefined) {
    throw new CodecError('LIMIT_EXCEEDED', `batch of records cannot be decompressed: ${record.batchError}`);
  }
  // A record without a key deletes nothing, and an event without data is no deletion.
  if (record.value === null && record.key !== null && !isCloudEvent(record)) {
    return { kind: 'tombstone' };
  }
  return isChunk(record)
    ? { kind: 'chunk', chunk: decodeChunk(record, resolved) }
    : { kind: 'image', image: await decodeImage(record, resolved) };
}

async function decodeImage(record: ReceivedRecord, limits: Required<Limits>): Promise<DecodedImage> {
  const { value } = record;
  if (value === null || value.length === 0) {
    throw new CodecError('UNRECOGNIZED_FORMAT', `record has ${value === null ? 'no' : 'an empty'} value`);
  }
  if (isCloudEvent(record)) {
    return decodeCloudEvent(record, limits);
  }
  if (sniffMediaType(value) !== undefined) {
    return decodePlain(record, undefined, limits);
  }
  if (isLikeJsonObject(value)) {
    assertTextBytes(value.length, limits);
    const message = toJsonObject(value);
    if (message === undefined) {
      throw unrecognized(record, brokenJson(value));
    }
    if ((message['specversion'] ?? null) !== null) {
      return decodeStructured(message, record, limits);
    }
    if (isPythonJson(message)) {
      return decodePythonJson(message, limits);
    }
    throw unrecognized(record);
  }
  const contentEncoding = contentEncodingOf(record.headers ?? {});
  if (contentEncoding !== undefined) {
    return decodePlain(record, contentEncoding, limits);
  }
  const contentType = headerText(record.headers ?? {}, 'content-type') ?? '';
  throw unrecognized(
    record,
    /^application\/cloudevents(?!-batch)/i.test(contentType)
      ? `its content-type is ${describe(contentType)}, and of CloudEvents only application/cloudevents+json is read`
      : undefined,
  );
}

/** @param reason what it is instead. Default: what its first bytes look like */
function unrecognized({ value }: ReceivedRecord, reason = likenessOf(value!)): CodecError {
  return new CodecError(
    'UNRECOGNIZED_FORMAT',
    `record of ${counted(value!.length, 'byte')} is not a CloudEvent, a message of the Python application, or an image file; ${reason}`,
  );
}
