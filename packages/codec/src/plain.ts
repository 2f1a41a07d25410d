import type { ContentEncoding } from './compression.ts';
import { originOf } from './dead-letter.ts';
import { headerText, lastHeaderValue } from './headers.ts';
import type { DecodedImage } from './image.ts';
import type { Limits } from './limits.ts';
import { decodePayload } from './payload.ts';
import type { ReceivedRecord } from './record.ts';
import { toText } from './text.ts';
import { recordTime } from './time.ts';

/**
 * An image file as a record's value, with nothing around it. Keys are often camera names, so a
 * key is no identity without the record's place in the topic: the one where it was first, so that a dead letter that is
 * read again gives the same image.
 */
export async function decodePlain(
  record: ReceivedRecord,
  contentEncoding: ContentEncoding | undefined,
  limits: Required<Limits>,
): Promise<DecodedImage> {
  const value = record.value ?? Buffer.alloc(0);
  const { topic, partition, offset } = originOf(record);
  const name = printable(record.key) ?? topic;
  return {
    id: `${name}-${partition}-${offset}`,
    customerId: customerOf(record) ?? 'unknown',
    ...recordTime(record),
    content: await decodePayload(value, contentEncoding, limits),
  };
}

function customerOf({ headers = {} }: ReceivedRecord): string | undefined {
  const value = lastHeaderValue(headers, 'customer_id');
  const isName =
    value !== undefined && value.length <= maxNameBytes && printable(Buffer.from(value as Uint8Array));
  return isName ? printable(Buffer.from(headerText(headers, 'customer_id')!)) : undefined;
}

const maxNameBytes = 1024;

/** Text without control characters, of a length that a name can have. */
function printable(bytes: Uint8Array | null | undefined): string | undefined {
  const text =
    bytes === null || bytes === undefined || bytes.length > maxNameBytes ? undefined : toText(bytes);
  return text === undefined || text === '' || /\p{Cc}/u.test(text) ? undefined : text;
}
