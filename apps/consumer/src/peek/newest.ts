import type { Limits } from '@image-stream/codec';
import { describeRecord } from '@image-stream/image-io';
import type { RecordDescription } from '@image-stream/image-io';
import { readNewest } from '@image-stream/kafka-client';
import type { TopicReader } from '@image-stream/kafka-client';
import { assertPartitions } from '../receive/select.ts';

/** Which images to look at. */
export interface Wanted {
  readonly count: number;
  readonly customer: string | undefined;
  /** Undefined for all. */
  readonly partitions: readonly number[] | undefined;
}

/** What was found before `signal` ended the search; the newest image last. */
export interface Found {
  readonly images: readonly RecordDescription[];
  /** False where it ended before all were found that are wanted. */
  readonly isComplete: boolean;
}

/**
 * The newest images of a topic by the timestamps of their records. Of an image in chunks, the first one stands for all; a
 * record that holds none is there too, with its problem.
 *
 * @param signal that of the reader, too
 * @throws KafkaConfigError `REFUSED` for a partition that the topic does not have
 */
export async function newestImages(
  reader: Pick<TopicReader, 'offsets' | 'range'>,
  topic: string,
  { count, customer, partitions }: Wanted,
  limits: Limits,
  signal: AbortSignal,
): Promise<Found> {
  const found: RecordDescription[] = [];
  try {
    const bounds = await reader.offsets();
    assertPartitions(topic, partitions, bounds);
    for (const [partition, ends] of bounds) {
      if (partitions?.includes(partition) ?? true) {
        await readNewest(reader, partition, ends, count, async (record) => {
          signal.throwIfAborted();
          const { description } = await describeRecord(record, limits);
          const isWanted =
            description.tombstone !== true && (customer === undefined || description.customerId === customer);
          if (!isWanted || (description.chunk?.index ?? 0) > 0) {
            return undefined;
          }
          found.push(description);
          return description;
        });
      }
    }
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
  const images = found
    .toSorted((one, other) => one.timestamp - other.timestamp || Number(one.offset) - Number(other.offset))
    .slice(-count);
  return { images, isComplete: !signal.aborted };
}
