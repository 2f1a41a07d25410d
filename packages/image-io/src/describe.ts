import {
  byteSource,
  chunkKey,
  CodecError,
  deadLetterReason,
  decodeRecord,
  isPixelArray,
  lastHeaderValue,
  sniffMediaType,
} from '@image-stream/codec';
import type { DeadLetterReason, DecodedImage, ImageAttributes, ReceivedRecord } from '@image-stream/codec';
import { ImageIoError } from './errors.ts';
import { inspectImage } from './inspect.ts';

type Content = DecodedImage['content'];

/** What a record holds, as far as can be said in a line. What is unknown is absent. */
export interface RecordDescription {
  readonly partition: number;
  readonly offset: string;
  /** Of the record, in milliseconds since 1970. */
  readonly timestamp: number;
  /** Bytes of key and value. */
  readonly recordBytes: number;
  readonly format?: 'cloudevents' | 'python-json' | 'plain';
  readonly id?: string;
  readonly customerId?: string;
  /** RFC 3339. */
  readonly createdAt?: string;
  readonly source?: string;
  readonly filename?: string;
  /** What it is: `image/png`, or for pixels such as `uint8 pixels`. */
  readonly type?: string;
  readonly width?: number;
  readonly height?: number;
  readonly frames?: number;
  /** Bytes of the image: of its file, of its pixels, or of all its chunks. */
  readonly imageBytes?: number;
  /** How it was compressed to travel. */
  readonly compression?: string;
  /** Where the record carries a part of an image: which, of how many. */
  readonly chunk?: { readonly index: number; readonly count: number; readonly key: string };
  /** Why it is no image. */
  readonly problem?: string;
  /** Where it is no image because it deletes what was sent under its key before. */
  readonly tombstone?: true;
  readonly deadLetter?: DeadLetterReason;
}

/**
 * Describes a record for people. One that holds no image is described too, with its `problem`.
 *
 * @param limits.maxImagePixels as for `inspectImage`
 * @returns the description, and the image where it is one, whole and checked
 */
export async function describeRecord(
  record: ReceivedRecord,
  limits: { readonly maxImagePixels?: number } = {},
): Promise<{ readonly description: RecordDescription; readonly content?: Content }> {
  const { partition, offset, timestamp, key, value } = record;
  const deadLetter = deadLetterReason(record);
  const place = {
    partition,
    offset,
    timestamp: Number(timestamp),
    recordBytes: (key?.length ?? 0) + (value?.length ?? 0),
    ...(deadLetter && { deadLetter }),
  };
  let known: Partial<RecordDescription> = claimedBy(record);
  try {
    const decoded = await decodeRecord(record, limits);
    if (decoded.kind === 'tombstone') {
      return { description: { ...place, ...known, tombstone: true } };
    }
    if (decoded.kind === 'chunk') {
      const { chunk } = decoded;
      const { index, count, size, mediaType, contentEncoding } = chunk;
      const description = {
        ...place,
        format: 'cloudevents' as const,
        ...attributesOf(chunk),
        ...(mediaType !== undefined && { type: mediaType }),
        imageBytes: size,
        compression: contentEncoding ?? 'none',
        chunk: { index, count, key: chunkKey(chunk) },
      };
      return { description };
    }
    const { image } = decoded;
    known = { ...formatOf(record, image), ...attributesOf(image) };
    const description = { ...place, ...known, ...(await contentOf(image.content, limits)) };
    return { description, content: image.content };
  } catch (error) {
    if (error instanceof CodecError || error instanceof ImageIoError) {
      return { description: { ...place, ...known, problem: error.message } };
    }
    throw error;
  }
}

/** Who a record says that it is; for one that cannot be read, that is all that is known. */
function claimedBy({ headers = {} }: ReceivedRecord): Partial<RecordDescription> {
  const text = (name: string): string | undefined => lastHeaderValue(headers, name)?.toString();
  const [id, customerId] = [text('ce_imageid') ?? text('ce_id'), text('ce_customerid')];
  return { ...(id !== undefined && { id }), ...(customerId !== undefined && { customerId }) };
}

function attributesOf({ id, customerId, createdAt, source, filename }: ImageAttributes) {
  return {
    id,
    customerId,
    createdAt: createdAt.toISOString(),
    ...(source !== undefined && { source }),
    ...(filename !== undefined && { filename }),
  };
}

function formatOf(
  { headers = {}, value }: ReceivedRecord,
  { source }: DecodedImage,
): Pick<RecordDescription, 'format' | 'compression'> {
  const encoding = lastHeaderValue(headers, 'content-encoding')?.toString() || 'none';
  if (lastHeaderValue(headers, 'ce_specversion') !== undefined) {
    return { format: 'cloudevents', compression: encoding };
  }
  const isImage = sniffMediaType(value ?? new Uint8Array()) !== undefined;
  if (isImage || !isJson(value)) {
    return { format: 'plain', compression: isImage ? 'none' : encoding };
  }
  // A structured event names its source, a message of the Python application has none.
  return source === undefined
    ? { format: 'python-json', compression: 'zlib, base64' }
    : { format: 'cloudevents', compression: 'base64' };
}

/** Whether a value that holds an image is a message, not the compressed image. */
function isJson(value: Uint8Array | null): boolean {
  const head = value?.subarray(0, 64) ?? [];
  return /^\s*\{/.test(Buffer.from(head).toString('latin1'));
}

async function contentOf(content: Content, limits: { readonly maxImagePixels?: number }) {
  if (isPixelArray(content)) {
    const [height, width] = content.shape;
    return { type: `${content.dtype} pixels`, width, height, imageBytes: content.data.byteLength };
  }
  const { mediaType, width, height, frames } = await inspectImage(byteSource(content.bytes), limits);
  return {
    type: mediaType,
    width,
    height,
    ...(frames > 1 && { frames }),
    imageBytes: content.bytes.length,
  };
}
