import { createHash } from 'node:crypto';
import { chunkType, defaultSource, imageType, maxChunkCount } from './cloudevents.ts';
import type { Compression } from './compression.ts';
import { deadLetterHeadroomBytes } from './dead-letter.ts';
import { CodecError } from './errors.ts';
import { maxHeaderBytes } from './headers.ts';
import type { ByteSource, Image } from './image.ts';
import { toPayload } from './payload.ts';
import type { Payload } from './payload.ts';
import { recordBytes } from './record.ts';
import type { OutgoingRecord } from './record.ts';
import { counted } from './text.ts';

type Headers = Record<string, string>;

/** The records of an image: one where it fits, else its chunks, in the order in which they are to be sent. */
export async function* encodeCloudEvent(
  image: Image,
  compression: Compression,
  maxRecordBytes: number,
): AsyncGenerator<OutgoingRecord> {
  const payload = await toPayload(image.content, compression);
  const { source } = payload;
  const sha256 = payload.sha256 ?? (await hashOf(source));
  const headers = {
    ce_specversion: '1.0',
    ce_source: image.source ?? defaultSource,
    ce_time: image.createdAt.toISOString(),
    ce_customerid: image.customerId,
    ...(image.filename !== undefined && { ce_filename: image.filename }),
    ce_payloadsize: String(source.size),
    ce_payloadsha256: sha256,
    ...(payload.contentEncoding !== undefined && { 'content-encoding': payload.contentEncoding }),
  };
  const whole = { ...headers, ce_type: imageType, ce_id: image.id, 'content-type': payload.mediaType };
  assertReadable(whole);
  const isWhole = recordBytes(image.id, whole, source.size) <= maxRecordBytes;
  const longest = (): Headers => chunkHeaders(headers, image.id, maxChunkCount, maxChunkCount, payload);
  const pieceBytes = isWhole ? source.size : chunkBytes(image.id, longest(), source.size, maxRecordBytes);
  const count = isWhole ? 1 : Math.ceil(source.size / pieceBytes);

  const reread = payload.mayChange && createHash('sha256');
  for (let index = 0; index < count; index++) {
    const start = index * pieceBytes;
    const value = toBuffer(await source.read(start, Math.min(start + pieceBytes, source.size)));
    reread?.update(value);
    // Without its last record, an image that changed meanwhile is never taken for whole.
    if (index === count - 1 && (reread?.digest('hex') ?? sha256) !== sha256) {
      throw new CodecError('INVALID_IMAGE', `image changed while it was read; send it again`);
    }
    yield {
      key: image.id,
      value,
      headers: isWhole ? whole : chunkHeaders(headers, image.id, index, count, payload),
    };
  }
}

/** What a reader would refuse is not sent. */
function assertReadable(headers: Headers): void {
  for (const [name, value] of Object.entries(headers)) {
    const bytes = Buffer.byteLength(value);
    if (bytes > maxHeaderBytes) {
      throw new CodecError(
        'INVALID_IMAGE',
        `header ${name} of ${bytes} bytes would be refused by readers: it exceeds ${maxHeaderBytes}`,
      );
    }
  }
}

function chunkHeaders(
  headers: Headers,
  imageId: string,
  index: number,
  count: number,
  { mediaType }: Payload,
): Headers {
  return {
    ...headers,
    ce_type: chunkType,
    ce_id: `${imageId}#chunk-${index}`,
    ce_imageid: imageId,
    ce_chunkindex: String(index),
    ce_chunkcount: String(count),
    ce_payloadtype: mediaType,
    'content-type': 'application/octet-stream',
  };
}

/** Bytes of the payload in each chunk but the last, which may have fewer. */
function chunkBytes(key: string, headers: Headers, size: number, maxRecordBytes: number): number {
  // So that a dead letter of a chunk still fits where the chunk did.
  const headroom = Math.min(deadLetterHeadroomBytes, Math.floor(maxRecordBytes / 2));
  const bytes = maxRecordBytes - headroom - recordBytes(key, headers, 0);
  if (bytes < 1 || size / bytes > maxChunkCount) {
    throw new CodecError(
      'LIMIT_EXCEEDED',
      `image of ${counted(size, 'byte')} does not fit ${maxChunkCount} chunks in records of ${counted(maxRecordBytes, 'byte')}`,
    );
  }
  return bytes;
}

async function hashOf(source: ByteSource): Promise<string> {
  const stepBytes = 1024 ** 2;
  const hash = createHash('sha256');
  for (let start = 0; start < source.size; start += stepBytes) {
    hash.update(await source.read(start, Math.min(start + stepBytes, source.size)));
  }
  return hash.digest('hex');
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
