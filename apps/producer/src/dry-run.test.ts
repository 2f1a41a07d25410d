import type { Image } from '@image-stream/codec';
import { expect, test } from 'vitest';
import { dryRun } from './dry-run.ts';
import type { Pending } from './source.ts';

test('ends with the signal, also in the middle of an image, and says that there was more', async () => {
  const stopping = new AbortController();
  async function* images(): AsyncGenerator<Pending> {
    yield { name: 'a', bytes: 12, load: async () => image };
    const load = (): Promise<Image> => {
      stopping.abort();
      return new Promise(() => {});
    };
    yield { name: 'b', bytes: 12, load };
  }
  const { warnings, outcome } = await dryRunOf(images(), stopping.signal);

  expect(outcome).toMatchObject({ isDone: false, summary: { images: 1, failed: 0 } });
  expect(warnings).toEqual(['stopped before every image was checked; what follows covers those that were']);
});

test('ends with the signal where images wait for nothing', async () => {
  const stopping = new AbortController();
  setImmediate(() => stopping.abort());
  async function* images(): AsyncGenerator<Pending> {
    for (let count = 0; count < 100_000 && !stopping.signal.aborted; count += 1) {
      yield { name: 'a', bytes: 12, load: async () => image };
    }
  }
  const { outcome } = await dryRunOf(images(), stopping.signal);
  expect(outcome.isDone).toBe(false);
  expect((outcome.summary as { images: number }).images).toBeLessThan(100_000);
});

const content = { shape: [2, 2, 3], dtype: 'uint8', data: new Uint8Array(12) } as const;
const image: Image = { id: 'a', customerId: 'c', createdAt: new Date(0), content };

async function dryRunOf(images: AsyncIterable<Pending>, signal: AbortSignal) {
  const warnings: unknown[] = [];
  const outcome = await dryRun({
    images,
    encode: async function* ({ id }) {
      yield { key: id, value: Buffer.alloc(3), headers: {} };
    },
    maxRequestSize: 1000,
    print: () => {},
    signal,
    logger: { info: () => {}, warn: (text: unknown) => void warnings.push(text), error: () => {} },
    progress: { start: () => {} },
  });
  return { warnings, outcome };
}
