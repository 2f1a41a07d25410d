import { encodeCloudEvent } from './cloudevents.ts';
import type { Compression } from './compression.ts';
import { CodecError } from './errors.ts';
import { assertIdentifier } from './image.ts';
import type { Image } from './image.ts';
import { encodePythonJson } from './python-json.ts';
import { recordBytes } from './record.ts';
import type { OutgoingRecord } from './record.ts';

/** The formats that images are written in. */
export const formats = ['cloudevents', 'python-json'] as const;

/** How an image becomes records. */
export interface EncodeOptions {
  /** Default `cloudevents`. */
  readonly format?: (typeof formats)[number];
  /** Of pixels in `cloudevents`; python-json is always zlib. Default `auto`. */
  readonly compression?: Compression;
  /** Bytes that a record may take on the wire as a batch of its own. Default: no limit. */
  readonly maxRecordBytes?: number;
}

/**
 * The records that carry an image, in the order in which they are to be sent to one partition.
 *
 * @throws CodecError `INVALID_IMAGE` when the image contradicts itself or the format cannot
 * carry it, `LIMIT_EXCEEDED` when it does not fit `maxRecordBytes`
 */
export async function* encodeImage(
  image: Image,
  options: EncodeOptions = {},
): AsyncGenerator<OutgoingRecord> {
  const { format = 'cloudevents', compression = 'auto', maxRecordBytes = Number.POSITIVE_INFINITY } = options;
  assertIdentifier('image id', image.id);
  assertIdentifier('customer id', image.customerId);
  const record =
    format === 'python-json' ? await encodePythonJson(image) : await encodeCloudEvent(image, compression);
  const bytes = recordBytes(record);
  if (bytes > maxRecordBytes) {
    throw new CodecError(
      'LIMIT_EXCEEDED',
      `image takes a record of ${bytes} bytes, more than the ${maxRecordBytes} allowed`,
    );
  }
  yield record;
}
