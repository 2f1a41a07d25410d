import { randomUUID } from 'node:crypto';
import { once, EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodecError, decodeRecord, encodeImage } from '@image-stream/codec';
import type { DecodedImage, ReceivedRecord } from '@image-stream/codec';
import { createBudget } from '@image-stream/budget';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createAssembler } from './chunks/assembler.ts';
import type { Assembler } from './chunks/assembler.ts';
import { createChunkCollector } from './chunks/collector.ts';
import { consume } from './consume.ts';
import type { ConsumeOptions } from './consume.ts';
import { createDeadLetters, DeadLetterError } from './dead-letters.ts';
import type { DeadLetters } from './dead-letters.ts';
import { classifyFor, createFailures } from './failures.ts';
import type { FailuresOptions } from './failures.ts';
import { createChannel } from './receive/channel.ts';
import type { Delivery } from './receive/delivery.ts';
import { createRetry } from './retry.ts';
import type { Retry } from './retry.ts';
import type { SavedImage } from './save.ts';
import { createStatistics } from './statistics.ts';
import type { StatisticsOptions } from './statistics.ts';

describe('every image', () => {
  test('is done once it is saved, and is counted', async () => {
    const { done, errors, told, options } = parts(records(3));
    const result = await run({
      ...options,
      save: async ({ id }) => (id === 'image-1' ? 'exists' : 'written'),
    });
    expect(done).toEqual(['0', '1', '2']);
    expect(errors).toEqual([]);
    expect(result).toMatchObject({ images: 2, skipped: 1, failed: 0, payloadBytes: 9, wireBytes: 12 });
    expect(told.toSorted()).toEqual([
      ...['received 4', 'received 4', 'received 4'],
      ...['saved exists 3 1000', 'saved written 3 1000', 'saved written 3 1000'],
    ]);
  });

  test('is not done while it is being saved', async () => {
    const { done, options } = parts(records(1));
    const gate = new EventEmitter();
    const running = run({
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

test('what ends the run does not wait for what may go away some time', async () => {
  const { done, errors, options } = parts(records(2));
  const result = await run({
    ...options,
    save: async ({ id }) => {
      if (id === 'image-0') {
        throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
      }
      throw Object.assign(new Error('ENOTDIR: not a directory'), { code: 'ENOTDIR' });
    },
  });
  expect(result).toMatchObject({ images: 0, failed: 2 });
  expect(done).toEqual([]);
  expect(errors.filter((error) => error.includes('was not saved'))).toHaveLength(2);
});

test('deliveries that fail end what waits', async () => {
  const { options } = parts([]);
  const failing = async function* (): AsyncGenerator<Delivery> {
    yield* deliveriesOf(records(1), []);
    throw new Error('may not read any more');
  };
  const save = async (): Promise<never> => {
    throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
  };
  await expect(run({ ...options, save, deliveries: failing() })).rejects.toThrow('may not read any more');
});

test('what has begun comes to its end also where the deliveries fail', async () => {
  const { done, options } = parts([]);
  const failing = async function* (): AsyncGenerator<Delivery> {
    yield* deliveriesOf(records(2), done);
    throw new Error('may not read any more');
  };
  await expect(run({ ...options, deliveries: failing() })).rejects.toThrow('may not read any more');
  expect(done).toEqual(['0', '1']);
});

describe('a sink that makes images durable in batches', () => {
  test('gets them, however few may be in work at once, and what is left over at the end', async () => {
    const { done, told, options } = parts(records(7));
    let batch: (() => void)[] = [];
    const flush = async (): Promise<void> => {
      batch.forEach((confirm) => confirm());
      batch = [];
    };
    let mostDone = 0;
    const result = await run({
      ...options,
      budget: createBudget(3, 1),
      flush,
      keep: async () => {
        const durable = new Promise<void>((resolve) => batch.push(resolve));
        mostDone = Math.max(mostDone, done.length);
        if (batch.length === 3) {
          void flush();
        }
        return { how: 'written', accepted: { durable: () => durable } };
      },
    });
    // A batch is confirmed as a whole.
    expect(mostDone % 3).toBe(0);
    expect(result).toMatchObject({ images: 7, failed: 0 });
    expect(done).toEqual(['0', '1', '2', '3', '4', '5', '6']);
    expect(told.filter((one) => one.startsWith('saved'))).toHaveLength(7);
  });

  test('is asked again after an error, and what was accepted is not put once more', async () => {
    const { done, options } = parts(records(1));
    let [puts, asked] = [0, 0];
    const result = await run({
      ...options,
      keep: async () => {
        puts += 1;
        return {
          how: 'written',
          accepted: {
            async durable() {
              asked += 1;
              if (asked === 1) {
                throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
              }
            },
          },
        };
      },
    });
    expect(result).toMatchObject({ images: 1, failed: 0 });
    expect({ puts, asked, done }).toEqual({ puts: 1, asked: 2, done: ['0'] });
  });
});

describe('several at once', () => {
  test('as many as there are slots', async () => {
    const { options } = parts(records(9));
    const load = gauge();
    await run({ ...options, budget: createBudget(1_000_000, 3), save: load.save });
    expect(load.most()).toBe(3);
  });

  test('as many as there are bytes', async () => {
    const { options } = parts(records(9));
    const load = gauge();
    await run({ ...options, budget: createBudget(7, 100), save: load.save });
    expect(load.most()).toBe(2);
  });
});

describe('an error that nobody foresaw', () => {
  test('is never done, is explained, and ends the run even when nothing follows', async () => {
    const deliveries = createChannel<Delivery>();
    const { done, errors, told, options } = parts(deliveries);
    const running = run({
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
    expect(told).toContain('failed');
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^record data\[0\]@1 cannot be saved: Error: no image in it\n/);
    expect(errors[0]).toContain('--topic data:0 --to-offset 2');
  });

  test('is told and ends the run also where it comes after the image was saved', async () => {
    const [record] = records(1);
    const deliveries = createChannel<Delivery>();
    const { errors, options } = parts(deliveries);
    const running = run({ ...options, stop: () => deliveries.close() });
    const done = (): never => {
      throw new Error('no such offset');
    };
    await deliveries.push({ record: record!, done, isCurrent: () => true });
    expect(await running).toMatchObject({ images: 1, failed: 1 });
    expect(errors).toEqual([expect.stringMatching(/^Error: no such offset\n/) as string]);
  });

  test('lets what has begun come to its end', async () => {
    const { done, options } = parts(records(3));
    const result = await run({
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

describe('a bad record', () => {
  const isOdd = ({ offset }: ReceivedRecord): boolean => Number(offset) % 2 === 1;
  const decode: ConsumeOptions['decode'] = async (record) => {
    if (isOdd(record)) {
      throw new CodecError('UNRECOGNIZED_FORMAT', 'no image in it');
    }
    return { kind: 'image', image: image(record) };
  };

  test('is done once it is a dead letter, and the others are saved', async () => {
    const { done, errors, told, options } = parts(records(5));
    const { letters, deadLetters } = collectedDeadLetters();
    const result = await run({ ...options, decode, deadLetters });
    expect(result).toMatchObject({ images: 3, deadLettered: 2, failed: 0 });
    expect(letters).toEqual(['1 no image in it', '3 no image in it']);
    expect(told.filter((one) => one === 'dead letter UNRECOGNIZED_FORMAT')).toHaveLength(2);
    expect(done.toSorted((a, b) => Number(a) - Number(b))).toEqual(['0', '1', '2', '3', '4']);
    expect(errors).toEqual([]);
  });

  test('ends the run where it may not be put aside', async () => {
    const { done, errors, options } = parts(records(2));
    expect(await run({ ...options, decode })).toMatchObject({ images: 1, deadLettered: 0, failed: 1 });
    expect(done).toEqual(['0']);
    expect(errors[0]).toMatch(/^record data\[0\]@1 cannot be saved: no image in it\. .*--to-offset 2$/);
  });

  test('waits while the dead-letter topic cannot be written', async () => {
    const { done, errors, options } = parts(records(2));
    const { letters, deadLetters } = collectedDeadLetters();
    let attempts = 0;
    const send: DeadLetters['send'] = async (...letter) => {
      attempts += 1;
      expect(done).not.toContain('1');
      if (attempts === 1) {
        throw new DeadLetterError('no broker', false);
      }
      return deadLetters.send(...letter);
    };
    const result = await run({ ...options, decode, deadLetters: { ...deadLetters, send } });
    expect(result).toMatchObject({ images: 1, deadLettered: 1, failed: 0 });
    expect([attempts, letters.length, done.length]).toEqual([2, 1, 2]);
    expect(errors[0]).toMatch(/^paused: no broker/);
  });

  test('ends the run where a bug is in the way of its dead letter', async () => {
    const { done, errors, options } = parts(records(2));
    const deadLetters = createDeadLetters({
      ...{ topic: 'letters', original: { topic: 'data', maxMessageBytes: 1_000_000 } },
      // Whatever is asked of it is a TypeError.
      ...{ kafka: undefined as never, admin: undefined as never },
      ...{ connect: undefined as never, partitioner: undefined as never },
      signal: new AbortController().signal,
      logger: { info() {}, warn() {} },
    });
    expect(await run({ ...options, decode, deadLetters })).toMatchObject({ deadLettered: 0, failed: 1 });
    expect(done).toEqual(['0']);
    expect(errors).toEqual([expect.stringMatching(/cannot be saved: TypeError: .*\n +at /)]);
  });

  test.each([
    ['so many at the beginning end the run', 3, { deadLettered: 3, failed: 1 }, 1],
    ['more are allowed', 4, { deadLettered: 3, failed: 0 }, 0],
  ])('%s', async (_what, maxBadRecords, expected, ends) => {
    const { errors, options } = parts(records(3));
    const { deadLetters } = collectedDeadLetters();
    const allBad: ConsumeOptions['decode'] = async () => {
      throw new CodecError('UNRECOGNIZED_FORMAT', 'no image in it');
    };
    const budget = createBudget(1_000_000, 1);
    const result = await run({ ...options, decode: allBad, deadLetters, maxBadRecords, budget });
    expect(result).toMatchObject(expected);
    expect(errors.filter((error) => error.includes('the first 3 records are all bad'))).toHaveLength(ends);
  });

  test('after a good one never ends the run', async () => {
    const { options } = parts(records(5));
    const { deadLetters } = collectedDeadLetters();
    const result = await run({ ...options, decode, deadLetters, maxBadRecords: 1 });
    expect(result).toMatchObject({ images: 3, deadLettered: 2, failed: 0 });
  });
});

describe('a fault of the environment', () => {
  const full = (): Error => Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });

  test('is waited out: nothing is skipped or put aside', async () => {
    const { done, errors, told, options } = parts(records(3));
    const { letters, deadLetters } = collectedDeadLetters();
    let isFull = true;
    const result = await run({
      ...options,
      deadLetters,
      save: async ({ id }) => {
        if (id === 'image-1' && isFull) {
          isFull = false;
          throw full();
        }
        return 'written';
      },
    });
    expect(result).toMatchObject({ images: 3, deadLettered: 0, failed: 0 });
    expect(done).toHaveLength(3);
    expect(letters).toEqual([]);
    expect(told).toEqual(expect.arrayContaining(['stalled ENOSPC: no space left on device', 'resumed']));
    expect(errors).toEqual([expect.stringContaining('ENOSPC: no space left on device') as string]);
  });

  test('that lasts is not held against an image whose chunks are held up by it', async () => {
    const { done, options } = parts(await chunkRecords());
    const { letters, deadLetters } = collectedDeadLetters();
    const { retry } = options;
    const folder = mkdtempSync(join(tmpdir(), 'consume-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const assembler = createAssembler({
      workspace: workspaceIn(folder),
      now: () => performance.now() - retry.pausedMs(),
      isSaved: async () => false,
      maxBytes: 1_000_000,
      timeoutMs: 400,
    });
    let attempts = 0;
    const result = await run({
      ...options,
      decode: (record) => decodeRecord(record),
      assembler: {
        ...assembler,
        async add(chunk, delivery) {
          attempts += chunk.index === 1 ? 1 : 0;
          if (chunk.index === 1 && attempts <= 2) {
            throw full();
          }
          return assembler.add(chunk, delivery);
        },
      },
      deadLetters,
    });
    expect(attempts).toBe(3);
    expect(result).toMatchObject({ images: 1, deadLettered: 0, failed: 0 });
    expect(letters).toEqual([]);
    expect(done).toHaveLength(4);
  });

  test('that lasts does not keep a run from ending: what waits stays uncommitted', async () => {
    const { done, errors, monitor, options } = parts(records(2));
    const controller = new AbortController();
    const result = await run({
      ...options,
      retry: retryUntil(controller.signal, options.logger, monitor),
      save: async ({ id }) => {
        if (id === 'image-1') {
          setImmediate(() => controller.abort());
          throw full();
        }
        return 'written';
      },
    });
    expect(result).toMatchObject({ images: 1, failed: 1 });
    expect(done).toEqual(['0']);
    expect(errors.at(-1)).toContain('record data[0]@1 was not saved: ENOSPC');
  });
});

test('records that wait for nothing keep nothing else waiting', async () => {
  const { options } = parts(records(1000));
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) {
      setImmediate(count);
    }
  };
  setImmediate(count);
  await run({ ...options, decode: async () => ({ kind: 'tombstone', key: 'k' }) as never });
  isOver = true;
  expect(turns).toBeGreaterThan(900);
});

test('a limit ends the run after so many, and leaves the rest', async () => {
  const { done, options } = parts(records(5));
  expect(await run({ ...options, limit: 2 })).toMatchObject({ images: 2 });
  expect(done).toEqual(['0', '1']);
});

function records(count: number): ReceivedRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    topic: 'data',
    partition: 0,
    offset: String(index),
    timestamp: '1000',
    key: Buffer.from('k'),
    value: Buffer.from('pix'),
    headers: {},
  }));
}

/** An image in four chunks. */
async function chunkRecords(): Promise<ReceivedRecord[]> {
  const content = { mediaType: 'image/png', bytes: Buffer.alloc(5000) };
  const whole = { id: 'image', customerId: 'c', createdAt: new Date(0), content };
  const chunks: ReceivedRecord[] = [];
  for await (const { value, headers } of encodeImage(whole, { maxRecordBytes: 4000 })) {
    const place = { topic: 'data', partition: 0, offset: String(chunks.length) };
    chunks.push({ ...place, timestamp: String(Date.now()), key: Buffer.from('image'), value, headers });
  }
  return chunks;
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

/** What `run` makes the parts of `consume` from. */
interface TestOptions
  extends
    Pick<ConsumeOptions, 'deliveries' | 'decode' | 'budget' | 'limit' | 'isAtEnd'>,
    Pick<FailuresOptions, 'deadLetters' | 'maxBadRecords' | 'retry' | 'stop'>,
    Pick<StatisticsOptions, 'progress'> {
  readonly assembler: Assembler;
  /** How an image is saved; it is durable at once. */
  readonly save: (...image: Parameters<ConsumeOptions['save']>) => Promise<SavedImage['how']>;
  /** How an image is saved that is durable later. Default: as `save` says. */
  readonly keep?: ConsumeOptions['save'];
  readonly flush?: ConsumeOptions['flush'];
  readonly logger: FailuresOptions['logger'] & StatisticsOptions['logger'];
  readonly monitor: FailuresOptions['monitor'] &
    StatisticsOptions['monitor'] &
    Parameters<typeof createRetry>[0]['monitor'];
}

const classify = classifyFor({ classify: () => undefined });

async function run({ save, keep, flush = async () => {}, assembler, ...options }: TestOptions) {
  const { decode, logger } = options;
  const room = (bytes: number): number => bytes;
  const statistics = createStatistics({ ...options, hasShards: false, isIdle: () => false });
  const failures = createFailures({
    ...options,
    classify,
    hasGoodRecord: () => statistics.count.images + statistics.count.skipped > 0,
  });
  const chunks = createChunkCollector({
    assembler,
    failures,
    decode,
    isWanted: () => true,
    room,
    statistics,
    logger,
  });
  await consume({
    ...options,
    room,
    chunks,
    failures,
    statistics,
    flush,
    end: () => options.retry.end(),
    save:
      keep ?? (async (...saved) => ({ how: await save(...saved), accepted: { durable: async () => {} } })),
  });
  return { ...statistics.count, ...failures.count };
}

function retryUntil(
  signal: AbortSignal,
  logger: TestOptions['logger'],
  monitor: TestOptions['monitor'],
): Retry {
  return createRetry({ isTransient: (error) => classify(error) === 'transient', signal, logger, monitor });
}

function workspaceIn(folder: string) {
  return { newFile: () => join(folder, randomUUID()), restore: async () => false };
}

/** What `run` needs, with everything that it did. */
function parts(source: ReceivedRecord[] | AsyncIterable<Delivery>) {
  const done: string[] = [];
  const errors: string[] = [];
  const told: string[] = [];
  const deliveries = Array.isArray(source)
    ? (async function* () {
        yield* deliveriesOf(source, done);
      })()
    : source;
  const logger = {
    info: () => {},
    warn: () => {},
    error: (message: unknown) => void errors.push(String(message)),
  };
  const monitor: TestOptions['monitor'] = {
    received: (bytes) => void told.push(`received ${bytes}`),
    waiting: () => {},
    saved: (...what) => void told.push(`saved ${what.join(' ')}`),
    deleted: () => void told.push('deleted'),
    failed: () => void told.push('failed'),
    deadLettered: (code) => void told.push(`dead letter ${code}`),
    stalled: (reason) => void told.push(`stalled ${reason}`),
    resumed: () => void told.push('resumed'),
  };
  const options: TestOptions = {
    deliveries,
    stop: () => {},
    decode: async (record) => ({ kind: 'image', image: image(record) }),
    assembler: createAssembler({
      workspace: workspaceIn('/nonexistent'),
      now: () => 0,
      isSaved: async () => false,
      maxBytes: 0,
      timeoutMs: 1000,
    }),
    isAtEnd: () => true,
    deadLetters: undefined,
    maxBadRecords: undefined,
    retry: retryUntil(new AbortController().signal, logger, monitor),
    save: async () => 'written',
    limit: undefined,
    budget: createBudget(1_000_000, 100),
    logger,
    progress: { start: () => {} },
    monitor,
  };
  return { done, errors, told, monitor, options };
}

function collectedDeadLetters() {
  const letters: string[] = [];
  const deadLetters: DeadLetters = {
    destination: 'here',
    async send(all, error) {
      for await (const { offset } of all) {
        letters.push(`${offset} ${error.message}`);
      }
      return true;
    },
    close: async () => {},
  };
  return { letters, deadLetters };
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
      // Long enough for others to begin.
      for (let turn = 0; turn < 20; turn += 1) {
        await new Promise(setImmediate);
      }
      now -= 1;
      return 'written' as const;
    },
  };
}
