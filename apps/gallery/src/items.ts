import type { RecordDescription } from '@image-stream/image-io';
import type { TopicRecord } from '@image-stream/kafka-client';
import type { Item, TopicName } from './messages.ts';

/** Longer texts of strangers are cut: a page keeps hundreds of items. */
const maxCharacters = 500;

/** What the page is told about a record. */
export function itemOf(
  topic: TopicName,
  { topicId }: Pick<TopicRecord, 'topicId'>,
  { chunk, deadLetter, ...description }: RecordDescription,
): Item {
  const item = {
    topic,
    ...(topicId !== undefined && { topicId }),
    ...description,
    ...(deadLetter && { deadLetter: shortened(deadLetter) }),
  };
  return shortened(chunk === undefined ? item : { ...item, chunks: { have: 1, count: chunk.count } });
}

/** The same with no text longer than a person reads. */
function shortened<T extends object>(value: T): T {
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, typeof one === 'string' ? short(one) : one]),
  ) as T;
}

/** The beginning of a text. */
export function short(text: string): string {
  return text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text;
}
