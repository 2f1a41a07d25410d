import { originOf } from './dead-letter.ts';
import { lastHeaderValue } from './headers.ts';
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
export async function decodePlain(record: ReceivedRecord, limits: Required<Limits>): Promise<DecodedImage> {
  const value = record.value ?? Buffer.alloc(0);
  const { topic, partition, offset } = originOf(record);
  const name = printable(record.key) ?? topic;
  return {
    id: `${name}-${partition}-${offset}`,
    customerId: customerOf(record) ?? 'unknown',
    createdAt: recordTime(record),
    content: await decodePayload(value, undefined, limits),
  };
}

function customerOf({ headers = {} }: ReceivedRecord): string | undefined {
  const value = lastHeaderValue(headers, 'customer_id');
  return printable(typeof value === 'string' ? Buffer.from(value) : value);
}

/** Text without control characters, of a length that a name can have. */
function printable(bytes: Uint8Array | null | undefined): string | undefined {
  const text = bytes === null || bytes === undefined || bytes.length > 1024 ? undefined : toText(bytes);
  return text === undefined || text === '' || /\p{Cc}/u.test(text) ? undefined : text;
}
