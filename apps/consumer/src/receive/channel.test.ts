import { expect, test } from 'vitest';
import { createChannel } from './channel.ts';

test('items come in the order in which they were pushed, and a push resolves when its item is taken', async () => {
  const channel = createChannel<number>();
  const taken: number[] = [];
  for (const item of [1, 2]) {
    void channel.push(item).then(() => taken.push(item));
  }
  const iterator = channel[Symbol.asyncIterator]();

  expect(taken).toEqual([]);
  expect(await iterator.next()).toEqual({ done: false, value: 1 });
  expect(taken).toEqual([1]);
  expect(await iterator.next()).toEqual({ done: false, value: 2 });
  expect(taken).toEqual([1, 2]);
});

test('one that waits gets the next item', async () => {
  const channel = createChannel<string>();
  const next = channel[Symbol.asyncIterator]().next();
  await expect(channel.push('late')).resolves.toBe(true);
  await expect(next).resolves.toEqual({ done: false, value: 'late' });
});

test('closing ends the iteration and drops what was not taken', async () => {
  const channel = createChannel<number>();
  const before = channel.push(1);
  channel.close();
  const after = channel.push(2);
  expect(await Promise.all([before, after])).toEqual([false, false]);
  expect(await collect(channel)).toEqual([]);
});

test('closing with an error throws it where the iteration waits', async () => {
  const channel = createChannel<number>();
  const waiting = collect(channel);
  channel.close(new Error('crashed'));
  await expect(waiting).rejects.toThrow('crashed');
});

test('whoever breaks off the iteration closes the channel', async () => {
  const channel = createChannel<number>();
  void channel.push(1);
  const second = channel.push(2);
  for await (const item of channel) {
    expect(item).toBe(1);
    break;
  }
  expect(await second).toBe(false);
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) {
    all.push(item);
  }
  return all;
}
