import { once, EventEmitter } from 'node:events';
import type { DecodedImage, ReceivedRecord } from '@image-stream/codec';
import { createBudget } from '@image-stream/program';
import { describe, expect, test } from 'vitest';
import { createAssembler } from './assemble.ts';
import type { Delivery } from './assemble.ts';
import { createChannel } from './channel.ts';
import { consume } from './consume.ts';
import type { ConsumeOptions } from './consume.ts';

describe('every image', () => {
  test('is done once it is saved, and is counted', async () => {
    const { done, errors, options } = parts(records(3));
    const result = await consume({
      ...options,
      save: async ({ id }) => (id === 'image-1' ? 'exists' : 'written'),
    });
    expect(done).toEqual(['0', '1', '2']);
    expect(errors).toEqual([]);
    expect(result).toMatchObject({ images: 2, skipped: 1, failed: 0, payloadBytes: 9, wireBytes: 12 });
  });

  test('is not done while it is being saved', async () => {
    const { done, options } = parts(records(1));
    const gate = new EventEmitter();
    const running = consume({
      ...options,
      save: async () => {
        gate.emit('saving');
        await once(gate, 'durable');
        return 'written';
      },
    });
    await once(gate, 'saving');
    expect(done).toEqual([]);
    gate.emit('durable');
    await running;
    expect(done).toEqual(['0']);
  });
});

describe('several at once', () => {
  test('as many as there are slots', async () => {
    const { options } = parts(records(9));
    const load = gauge();
    await consume({ ...options, budget: createBudget(1_000_000, 3), save: load.save });
    expect(load.most()).toBe(3);
  });

  test('as many as there are bytes', async () => {
    const { options } = parts(records(9));
    const load = gauge();
    await consume({ ...options, budget: createBudget(7, 100), save: load.save });
    expect(load.most()).toBe(2);
  });
});

describe('a record that cannot be saved', () => {
  test('is never done, is explained, and ends the run even when nothing follows', async () => {
    const deliveries = createChannel<Delivery>();
    const { done, errors, options } = parts(deliveries);
    const running = consume({
      ...options,
      stop: () => deliveries.close(),
      decode: async (record) => {
        if (record.offset === '1') {
          throw new Error('no image in it');
        }
        return { kind: 'image', image: image(record) };
      },
    });
    for (const delivery of deliveriesOf(records(2), done)) {
      await deliveries.push(delivery);
    }
    const result = await running;

    expect(result).toMatchObject({ images: 1, failed: 1 });
    expect(done).toEqual(['0']);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^record data\[0\]@1 cannot be saved: no image in it\. /);
    expect(errors[0]).toContain('--topic data:0 --to-offset 2');
  });

  test('lets what has begun come to its end', async () => {
    const { done, options } = parts(records(3));
    const result = await consume({
      ...options,
      save: async ({ id }) => {
        if (id === 'image-0') {
          throw new Error('disk full');
        }
        await new Promise(setImmediate);
        return 'written';
      },
    });
    expect(result.failed).toBe(1);
    expect(done).toHaveLength(result.images);
    expect(done).not.toContain('0');
  });
});

test('a limit ends the run after so many, and leaves the rest', async () => {
  const { done, options } = parts(records(5));
  expect(await consume({ ...options, limit: 2 })).toMatchObject({ images: 2 });
  expect(done).toEqual(['0', '1']);
});

function records(count: number): ReceivedRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    topic: 'data',
    partition: 0,
    offset: String(index),
    timestamp: '0',
    key: Buffer.from('k'),
    value: Buffer.from('pix'),
    headers: {},
  }));
}

function image({ offset, value }: ReceivedRecord): DecodedImage {
  const content = { mediaType: 'image/png', bytes: Buffer.from(value!) };
  return { id: `image-${offset}`, customerId: 'c', createdAt: new Date(0), content };
}

function* deliveriesOf(all: readonly ReceivedRecord[], done: string[]): Generator<Delivery> {
  for (const record of all) {
    yield { record, done: () => void done.push(record.offset), isCurrent: () => true };
  }
}

/** What `consume` needs, with everything that it did. */
function parts(source: ReceivedRecord[] | AsyncIterable<Delivery>) {
  const done: string[] = [];
  const errors: string[] = [];
  const deliveries = Array.isArray(source)
    ? (async function* () {
        yield* deliveriesOf(source, done);
      })()
    : source;
  const options: ConsumeOptions = {
    deliveries,
    stop: () => {},
    decode: async (record) => ({ kind: 'image', image: image(record) }),
    assembler: createAssembler({
      temporaryFile: () => '/nonexistent',
      isSaved: async () => false,
      maxBytes: 0,
      timeoutMs: 1000,
    }),
    isAtEnd: () => true,
    chunkTimeoutMs: 1000,
    save: async () => 'written',
    limit: undefined,
    budget: createBudget(1_000_000, 100),
    logger: {
      info: () => {},
      warn: () => {},
      error: (message: unknown) => void errors.push(String(message)),
    },
    progress: { start: () => {} },
  };
  return { done, errors, options };
}

/** Notes how many images were being saved at once at most. */
function gauge() {
  let now = 0;
  let most = 0;
  return {
    most: () => most,
    save: async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise(setImmediate);
      now -= 1;
      return 'written' as const;
    },
  };
}
