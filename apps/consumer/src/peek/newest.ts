import type { Limits } from '@image-stream/codec';
import { describeRecord } from '@image-stream/image-io';
import type { RecordDescription } from '@image-stream/image-io';
import { readNewest } from '@image-stream/kafka-config';
import type { TopicReader } from '@image-stream/kafka-config';
import { assertPartitions } from '../receive/select.ts';

/** Which images to look at. */
export interface Wanted {
  readonly count: number;
  readonly customer: string | undefined;
  /** Undefined for all. */
  readonly partitions: readonly number[] | undefined;
}

/**
 * The newest images of a topic by the timestamps of their records, the newest one last. Of an image in chunks, the first
 * one stands for all; a record that holds none is there too, with its problem.
 *
 * @throws KafkaConfigError `REFUSED` for a partition that the topic does not have
 */
export async function newestImages(
  reader: Pick<TopicReader, 'offsets' | 'range'>,
  topic: string,
  { count, customer, partitions }: Wanted,
  limits: Limits,
): Promise<RecordDescription[]> {
  const bounds = await reader.offsets();
  assertPartitions(topic, partitions, bounds);
  const found: RecordDescription[] = [];
  for (const [partition, ends] of bounds) {
    if (partitions?.includes(partition) ?? true) {
      const newest = await readNewest(reader, partition, ends, count, async (record) => {
        const { description } = await describeRecord(record, limits);
        const isWanted =
          description.tombstone !== true && (customer === undefined || description.customerId === customer);
        return isWanted && (description.chunk?.index ?? 0) === 0 ? description : undefined;
      });
      found.push(...newest);
    }
  }
  return found
    .toSorted((one, other) => one.timestamp - other.timestamp || Number(one.offset) - Number(other.offset))
    .slice(-count);
}
