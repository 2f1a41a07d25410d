import { decodeRecord } from './index.ts';
import type { DecodedImage, OutgoingRecord, ReceivedRecord } from './index.ts';

/** A record as a broker would hand it back: headers as bytes, a place in a topic. */
export function received(
  record: Partial<Omit<ReceivedRecord, 'key'>> & { key?: string | Uint8Array | null },
): ReceivedRecord {
  return {
    topic: 'data-stream',
    partition: 3,
    offset: '41',
    timestamp: '1718000000250',
    value: null,
    ...record,
    key: typeof record.key === 'string' ? Buffer.from(record.key) : (record.key ?? null),
  };
}

/** What arrives of a record that was sent. */
export function delivered({ key, value, headers }: OutgoingRecord): ReceivedRecord {
  const bytes = Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)] as const);
  return received({ key, value, headers: Object.fromEntries(bytes) });
}

/** All that an async iterable gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) {
    collected.push(item);
  }
  return collected;
}

/** The image of a record that is one. */
export async function decodeImage(record: ReceivedRecord): Promise<DecodedImage> {
  const decoded = await decodeRecord(record);
  if (decoded.kind !== 'image') {
    throw new Error(`a ${decoded.kind}, not an image`);
  }
  return decoded.image;
}
