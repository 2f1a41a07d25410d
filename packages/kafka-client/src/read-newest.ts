import type { TopicReader, TopicRecord } from './topic-reader.ts';

/**
 * The newest `count` of what `take` makes of a partition's records, oldest first. It goes back from the end in growing
 * steps, until there are enough or the partition begins.
 *
 * @param take gives undefined for a record that does not count; of one step, the records come oldest first
 */
export async function readNewest<T>(
  reader: Pick<TopicReader, 'range'>,
  partition: number,
  { low, high }: { readonly low: bigint; readonly high: bigint },
  count: number,
  take: (record: TopicRecord) => Promise<T | undefined>,
): Promise<T[]> {
  let newest: T[] = [];
  let step = BigInt(count);
  for (let end = high; end > low && newest.length < count; step *= 2n) {
    const start = end - step > low ? end - step : low;
    const found: T[] = [];
    for await (const record of reader.range(partition, start, end)) {
      const taken = await take(record);
      if (taken !== undefined) {
        found.push(taken);
      }
    }
    newest = [...found, ...newest];
    end = start;
  }
  return newest.slice(-count);
}
