import { encodeCloudEvent } from './cloudevents-encode.ts';
import type { Compression } from './compression.ts';
import { CodecError } from './errors.ts';
import { assertIdentifier, isPixelArray } from './image.ts';
import type { Image } from './image.ts';
import { assertInflatable } from './limits.ts';
import { encodePythonJson } from './python-json.ts';
import { recordBytes } from './record.ts';
import type { OutgoingRecord } from './record.ts';
import { toTime } from './time.ts';

/** The formats that images are written in. */
export const formats = ['cloudevents', 'python-json'] as const;

/** How an image becomes records. */
export interface EncodeOptions {
  /** Default `cloudevents`. */
  readonly format?: (typeof formats)[number];
  /** Of pixels in `cloudevents`; python-json is always zlib. Default `auto`. */
  readonly compression?: Compression;
  /**
   * Bytes that a record may take on the wire as a batch of its own. A larger image travels in chunks, which
   * stay 128 KiB below it (half of it where that is less). Default: no limit.
   */
  readonly maxRecordBytes?: number;
}

/**
 * The records that carry an image, in the order in which they are to be sent to one partition.
 *
 * @throws CodecError `INVALID_IMAGE` when the image contradicts itself, the format cannot carry it, such as an empty id, or
 * it changed while it was read; `LIMIT_EXCEEDED` when python-json does not fit `maxRecordBytes`, or cloudevents does not
 * in 65536 chunks
 */
export async function* encodeImage(
  image: Image,
  options: EncodeOptions = {},
): AsyncGenerator<OutgoingRecord> {
  const { format = 'cloudevents', compression = 'auto', maxRecordBytes = Number.POSITIVE_INFINITY } = options;
  assertAttributes(image);
  if (isPixelArray(image.content)) {
    assertInflatable(image.content.shape, image.content.dtype, 'INVALID_IMAGE');
  }
  if (format === 'cloudevents') {
    yield* encodeCloudEvent(image, compression, maxRecordBytes);
    return;
  }
  const record = await encodePythonJson(image);
  const bytes = recordBytes(record.key, record.headers, record.value.length);
  if (bytes > maxRecordBytes) {
    throw new CodecError(
      'LIMIT_EXCEEDED',
      `image takes a record of ${bytes} bytes, more than the ${maxRecordBytes} allowed, and python-json has no chunks`,
    );
  }
  yield record;
}

/** What a reader would refuse is not sent. */
function assertAttributes({ id, customerId, createdAt, source }: Image): void {
  try {
    assertIdentifier('image id', id);
    assertIdentifier('customer id', customerId);
    toTime('createdAt', Number(createdAt), String(createdAt));
    if (source !== undefined) {
      assertIdentifier('source', source);
    }
  } catch (error) {
    throw new CodecError('INVALID_IMAGE', (error as CodecError).message, { cause: error });
  }
}
