import type { TopicReader } from '@image-stream/kafka-client';
import { expect, test } from 'vitest';
import { newestImages } from './newest.ts';

const all = { count: 10, customer: undefined, partitions: undefined };

test('what was found before the search was stopped is told from all there is', async () => {
  const stopping = new AbortController();
  const stopped = (partition: number): void => {
    if (partition === 1) {
      stopping.abort(new Error('stopped'));
    }
  };
  const offsets = ({ images }: { images: readonly { partition: number }[] }): number[] =>
    images.map(({ partition }) => partition);

  const whole = await newestImages(readerOf(3), 'photos', all, {}, stopping.signal);
  expect([offsets(whole), whole.isComplete]).toEqual([[0, 1, 2], true]);
  const some = await newestImages(readerOf(3, stopped), 'photos', all, {}, stopping.signal);
  expect([offsets(some), some.isComplete]).toEqual([[0], false]);
});

test('an error that is no stop is no end of the search', async () => {
  const failed = (): void => {
    throw new Error('no broker');
  };
  const { signal } = new AbortController();
  await expect(newestImages(readerOf(1, failed), 'photos', all, {}, signal)).rejects.toThrow('no broker');
});

/** A topic with a record in each partition. @param before called before one is given out */
function readerOf(
  partitions: number,
  before: (partition: number) => void = () => {},
): Pick<TopicReader, 'offsets' | 'range'> {
  const bounds = { low: 0n, high: 1n, highWatermark: 1n };
  return {
    offsets: async () => new Map(Array.from({ length: partitions }, (_, partition) => [partition, bounds])),
    async *range(partition) {
      before(partition);
      yield {
        ...{ topic: 'photos', partition, offset: '0', timestamp: String(partition) },
        ...{ key: null, value: Buffer.from('no image'), headers: {} },
      };
    },
  };
}
