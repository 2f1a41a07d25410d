import type { Decoded, ReceivedRecord } from '@image-stream/codec';
import { createBudget } from '@image-stream/budget';
import { describe, expect, test } from 'vitest';
import type { Row } from './rows.ts';
import { createReport } from './report.ts';
import { verify } from './verify.ts';
import type { VerifyOptions } from './verify.ts';

const never = new Promise<never>(() => {});

describe('no step goes on once it is stopped', () => {
  test.each<[string, (stop: () => void) => Partial<VerifyOptions>]>([
    [
      'listing files without end',
      (stop) => ({
        files: (async function* () {
          for (let index = 0; ; index += 1) {
            yield { key: `customer=a/date=b/${index}.png` };
            stop();
          }
        })(),
      }),
    ],
    [
      'listing a folder in which there is none',
      (stop) => ({
        // oxlint-disable-next-line require-yield
        files: (async function* () {
          await stopped(stop);
        })(),
      }),
    ],
    ['reading', (stop) => ({ readTopic: () => stopped(stop) })],
    ['decoding', (stop) => ({ readTopic: (take) => take(record), decode: () => stopped(stop) })],
    ['reading dead letters', (stop) => ({ readDeadLetters: () => stopped(stop) })],
    ['comparing with a file', (stop) => ({ check: () => stopped(stop) })],
  ])('%s', async (_step, change) => {
    const stopping = new AbortController();
    const stop = (): void => stopping.abort(new Error('stopped'));
    const { noted, options } = parts(stopping.signal);
    await expect(verify({ ...options, ...change(stop) })).rejects.toMatchObject({
      name: 'StoppedError',
      message: 'stopped before everything was compared, so this proves nothing',
    });
    // Nobody adds to rows whose folder is removed by now.
    const count = noted.length;
    await new Promise(setImmediate);
    expect(noted).toHaveLength(count);
  });

  test('reading records that wait for nothing', async () => {
    const stopping = new AbortController();
    const { options } = parts(stopping.signal);
    setImmediate(() => stopping.abort(new Error('stopped')));
    let count = 0;
    const readTopic: VerifyOptions['readTopic'] = async (take) => {
      for (; count < 100_000 && !stopping.signal.aborted; count += 1) {
        await take(record);
      }
    };
    await expect(verify({ ...options, readTopic })).rejects.toThrow(/^stopped before/);
    expect(count).toBeLessThan(100_000);
  });

  test('and no other image is looked at', async () => {
    const stopping = new AbortController();
    const { options } = parts(stopping.signal);
    let looks = 0;
    const check = async (): Promise<'same'> => {
      looks += 1;
      stopping.abort(new Error('stopped'));
      return 'same';
    };
    await expect(verify({ ...options, check })).rejects.toThrow(/^stopped before/);
    await new Promise(setImmediate);
    expect(looks).toBe(1);
  });
});

function stopped(stop: () => void): Promise<never> {
  stop();
  return never;
}

const record = {
  topic: 'photos',
  partition: 0,
  offset: '0',
  value: Buffer.alloc(1),
} as unknown as ReceivedRecord;

/** Three images of a topic, one of them at a time. */
function parts(signal: AbortSignal) {
  const noted: Row[] = [];
  const options: VerifyOptions = {
    files: [],
    isWhole: true,
    hasShards: false,
    readTopic: async (take) => {
      for (const offset of ['0', '1', '2']) {
        await take({ ...record, offset });
      }
    },
    readDeadLetters: async () => {},
    decode: async () => ({ kind: 'image', image: {} }) as unknown as Decoded,
    isWanted: () => true,
    expect: async () => ({
      ...{ stem: String(noted.length), extension: 'png', check: 'bytes', digest: 'a', size: 1 },
      ...{ upload: String(noted.length), index: 0, count: 1 },
    }),
    check: async () => 'same',
    buckets: {
      add: (_key, row) => noted.push(row),
      async *read() {
        for (const row of noted) {
          yield (async function* () {
            yield row;
          })();
        }
      },
    },
    report: createReport('photos'),
    budget: createBudget(1, 1),
    topic: 'photos',
    signal,
    logger: { info() {}, warn() {} },
    progress: { start() {} },
  };
  return { noted, options };
}
