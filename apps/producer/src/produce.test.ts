import type { OutgoingRecord } from '@image-stream/codec';
import { KafkaConfigError } from '@image-stream/kafka-config';
import { createBudget } from '@image-stream/budget';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { silentMonitor } from './monitor.ts';
import { produce } from './produce.ts';
import type { ProduceOptions } from './produce.ts';
import type { Pending } from './source.ts';

test('every image is sent and counted once it is acknowledged', async () => {
  const { sent, errors, options } = parts(4);
  expect(await produce(options)).toMatchObject({
    images: 4,
    failed: 0,
    skipped: 0,
    deadLettered: 0,
    removed: 0,
    payloadBytes: 4 * 12,
    wireBytes: 4 * (7 + 3),
  });
  expect(sent).toEqual(['image-0', 'image-1', 'image-2', 'image-3']);
  expect(errors).toEqual([]);
});

test('the records of one image are sent in their order, one after the other', async () => {
  const order: string[] = [];
  const { options } = parts(1);
  await produce({
    ...options,
    encode: async function* ({ id }) {
      yield { key: `${id}#0`, value: Buffer.alloc(1), headers: {} };
      yield { key: `${id}#1`, value: Buffer.alloc(1), headers: {} };
    },
    send: async ({ key }) => {
      order.push(`send ${key}`);
      await new Promise(setImmediate);
      order.push(`acknowledged ${key}`);
      return 0;
    },
  });
  expect(order).toEqual([
    'send image-0#0',
    'acknowledged image-0#0',
    'send image-0#1',
    'acknowledged image-0#1',
  ]);
});

describe('an image that fails is named and does not stop the others', () => {
  test('in encoding', async () => {
    const { sent, errors, options } = parts(3);
    const { encode } = options;
    const result = await produce({
      ...options,
      encode: async function* (image) {
        if (image.id === 'image-1') {
          throw new Error('too large');
        }
        yield* encode(image);
      },
    });
    expect(result).toMatchObject({ images: 2, failed: 1, payloadBytes: 2 * 12 });
    expect(sent).toEqual(['image-0', 'image-2']);
    expect(errors).toEqual(['image image-1 was not sent: too large']);
  });

  test('by a bug, whose stack is shown', async () => {
    const { errors, options } = parts(1);
    const send = async (): Promise<never> => {
      throw new TypeError('nobody thought of this');
    };
    expect(await produce({ ...options, send })).toMatchObject({ images: 0, failed: 1 });
    expect(errors).toEqual([
      expect.stringMatching(/^image image-0 was not sent: TypeError: nobody thought of this\n +at /),
    ]);
  });

  test('in sending', async () => {
    const { errors, options } = parts(2);
    const result = await produce({
      ...options,
      send: async ({ key }) => {
        if (key === 'image-0') {
          throw new Error('timed out');
        }
        return 0;
      },
    });
    expect(result).toMatchObject({ images: 1, failed: 1 });
    expect(errors).toEqual(['image image-0 was not sent: timed out']);
  });
});

describe('several are in flight', () => {
  test.each([
    ['as many as there are slots', createBudget(1_000_000, 3), 3],
    ['as many as there are bytes', createBudget(24, 100), 2],
    ['one, where one is larger than the budget', createBudget(5, 100), 1],
  ])('%s', async (_name, budget, expected) => {
    const { options } = parts(9);
    let now = 0;
    let most = 0;
    await produce({
      ...options,
      budget,
      send: async () => {
        now += 1;
        most = Math.max(most, now);
        await new Promise(setImmediate);
        now -= 1;
        return 0;
      },
    });
    expect(most).toBe(expected);
  });
});

test('what is on its way is known by name, until it is acknowledged or given up', async () => {
  const { options } = parts(2);
  const { undelivered } = options;
  const seen: string[][] = [];
  await produce({
    ...options,
    budget: createBudget(1_000_000, 1),
    send: async ({ key }) => {
      seen.push([...undelivered]);
      if (key === 'image-1') {
        throw new Error('timed out');
      }
      return 0;
    },
  });
  expect(seen).toEqual([['image image-0'], ['image image-1']]);
  expect([...undelivered]).toEqual([]);
});

test('an image that is refused as too large is sent again within a lower limit, and counted once', async () => {
  const { sent, errors, options } = parts(2);
  let bytes = 10;
  const result = await produce({
    ...options,
    // In as many records as it takes.
    encode: async function* ({ id }): AsyncGenerator<OutgoingRecord> {
      for (let record = 0; record < 12 / bytes; record += 1) {
        yield { key: `${id} ${bytes}`, value: Buffer.alloc(bytes), headers: {} };
      }
    },
    send: async ({ key, value }) => {
      if (value.length > 6) {
        throw new KafkaConfigError('RECORD_TOO_LARGE', 'too large');
      }
      sent.push(key);
      return 0;
    },
    limit: {
      get bytes() {
        return bytes;
      },
      refused: async (refused) => {
        bytes = Math.min(bytes, refused / 2 + 1);
        return true;
      },
    },
  });
  expect(result).toMatchObject({ images: 2, failed: 0 });
  expect(sent.toSorted()).toEqual(['image-0 6', 'image-0 6', 'image-1 6', 'image-1 6']);
  expect(errors).toEqual([]);
});

test('an image that is refused within every limit fails, with what the broker said', async () => {
  const { errors, options } = parts(1);
  const send = async (): Promise<never> => {
    throw new KafkaConfigError('RECORD_TOO_LARGE', 'the broker refuses a record of 3 bytes');
  };
  expect(await produce({ ...options, send })).toMatchObject({ images: 0, failed: 1 });
  expect(errors).toEqual(['image image-0 was not sent: the broker refuses a record of 3 bytes']);
});

test('what failed and is tried again counts as failed until it is sent, and its name forges no line', async () => {
  const { errors, options } = parts(0);
  const attempts = [new Error('away\nERROR: forged'), undefined];
  async function* again(): AsyncGenerator<Pending> {
    for (const [attempt, error] of attempts.entries()) {
      for await (const pending of images(1)) {
        const load = error === undefined ? pending.load : () => Promise.reject(error);
        yield { ...pending, name: 'a\nb', load, failed: () => true, isAgain: attempt > 0 };
      }
    }
  }
  expect(await produce({ ...options, images: again(), budget: createBudget(100, 1) })).toMatchObject({
    images: 1,
    failed: 0,
  });
  expect(errors).toEqual([
    String.raw`a\u000ab was not sent, and will be tried again: away\u000aERROR: forged`,
  ]);
});

test('where images may be long in coming, that none come is said', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const { options } = parts(2);
  const shown: string[] = [];
  let describeNow = (): string => '';
  async function* slowly(): AsyncGenerator<Pending> {
    for await (const pending of images(2)) {
      vi.advanceTimersByTime(60_000);
      shown.push(describeNow());
      yield pending;
      while (options.budget.inUse().slots > 0) {
        await nextTurn();
      }
      shown.push(describeNow());
    }
  }
  const progress = { start: (shownBy: () => string) => void (describeNow = shownBy) };
  await produce({ ...options, images: slowly(), total: undefined, isEndless: true, progress });
  expect(shown).toEqual([
    'waiting for images',
    'sent 1 image, 0 images/s',
    'waiting for images; sent 1 image so far',
    'sent 2 images, 0 images/s',
  ]);
});

test('no image: nothing sent, no rate', async () => {
  const { options } = parts(0);
  expect(await produce(options)).toMatchObject({ images: 0, seconds: 0, imagesPerSecond: 0 });
});

/** What `produce` needs, for so many images of 12 bytes, with everything that it did. */
function parts(count: number) {
  const sent: string[] = [];
  const errors: string[] = [];
  const options: ProduceOptions = {
    images: images(count),
    total: count,
    isEndless: false,
    incomplete: () => 0,
    encode: async function* ({ id }): AsyncGenerator<OutgoingRecord> {
      yield { key: id, value: Buffer.alloc(3), headers: {} };
    },
    send: async ({ key }) => {
      sent.push(key);
      return 0;
    },
    limit: { bytes: 1_000_000, refused: async () => false },
    budget: createBudget(1_000_000, 100),
    undelivered: new Set(),
    logger: { info: () => {}, error: (message: unknown) => void errors.push(String(message)) },
    progress: { start: () => {} },
    monitor: silentMonitor,
  };
  return { sent, errors, options };
}

async function* images(count: number): AsyncGenerator<Pending> {
  for (let index = 0; index < count; index++) {
    const content = { shape: [2, 2, 3], dtype: 'uint8', data: new Uint8Array(12) } as const;
    const id = `image-${index}`;
    const load = async () => ({ id, customerId: 'c', createdAt: new Date(0), content });
    yield { name: `image ${id}`, bytes: 12, load };
  }
}
