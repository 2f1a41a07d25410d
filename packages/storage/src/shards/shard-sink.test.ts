import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { byteSource } from '@image-stream/codec';
import { generateImage, transcode } from '@image-stream/image-io';
import fc from 'fast-check';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openDirectory, readDirectory } from '../file-sink.ts';
import type { Accepted, Sink, SinkReader } from '../sink.ts';
import { shardReader } from './shard-reader.ts';
import { createShardSink } from './shard-sink.ts';
import type { ShardLimits } from './shard-sink.ts';
import { webdataset } from './webdataset.ts';

let picture: Uint8Array;
beforeAll(async () => {
  const pixels = generateImage({ pattern: 'rings', width: 5, height: 4, seed: 'a', index: 0 });
  picture = (await transcode(pixels, 'png')).bytes;
});

/** A record: where it is, and in which of a few folders its image belongs. */
interface Logged {
  readonly offset: number;
  readonly folder: string;
}

/** A PNG that differs from those of other records in what follows its end. */
function contentOf({ offset }: Logged): Uint8Array {
  return Buffer.concat([picture, Buffer.from(`record ${offset}`)]);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const limits: ShardLimits = { shardBytes: 1024 ** 2, shardImages: 1000, shardIntervalMs: 600_000 };

async function openSink(root: string, changed: Partial<ShardLimits> = {}) {
  const { sink, workspace } = await openDirectory(root);
  const shards = createShardSink(sink, workspace, webdataset, { ...limits, ...changed });
  return { sink: shards, close: () => workspace.close() };
}

function putRecord(sink: Sink, record: Logged, id = `image.${record.offset}`): Promise<Accepted | undefined> {
  return sink.put(`${record.folder}/${id}.png`, byteSource(contentOf(record)), 'create', {
    mediaType: 'image/png',
    image: { id, customerId: 'c', createdAt: new Date(0) },
    origin: {
      topic: 'a.topic',
      topicId: 'x',
      partition: 3,
      offset: String(record.offset),
      headers: { a: 'b' },
    },
    turn: async () => {},
  });
}

/** SHA-256 of all images in the shards, in any order. */
async function kept(reader: SinkReader): Promise<string[]> {
  const all: string[] = [];
  for await (const { sha256: hash, problem } of shardReader(reader, webdataset).list()) {
    all.push(problem ?? hash!);
  }
  return all.toSorted();
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'shards-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

const folders = ['customer=a/date=2026-01-01', 'customer=b/date=2026-01-01', 'customer=b/date=2026-01-02'];

describe('whatever happens to consumers', () => {
  /**
   * A partition whose members come and go. Each new one begins at the last commit; those before it may be killed, or go on for a while as if
   * nothing had happened, with what they had taken. What keeps the shards takes its time, and in no order.
   */
  const member = fc.nat(2);
  const step = fc.oneof(
    { weight: 20, arbitrary: fc.record({ kind: fc.constant('put' as const), member }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('flush' as const), member }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('begin' as const), member }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), member }) },
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('wait' as const), member }) },
  );
  const log = Array.from({ length: 60 }, (_, offset) => ({ offset, folder: folders[(offset * 7) % 3]! }));

  test('each image is in one shard, once', { timeout: 120_000 }, async () => {
    const scratch = temporaryFolder();
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 60, maxLength: 150 }),
        fc.array(fc.nat(12), { minLength: 50, maxLength: 50 }),
        async (steps, delays) => {
          const store = new Map<string, Uint8Array>();
          let [committed, generation, asked] = [0, 0, 0];

          async function later(): Promise<void> {
            asked += 1;
            await ticks(delays[asked % delays.length]!);
          }

          function begin() {
            generation += 1;
            const state = { isGone: false };
            const shardImages = 1 + delays[generation % delays.length]!;
            const sink = createShardSink(
              memorySink(store, later, state),
              { newFile: () => join(scratch, randomUUID()) },
              webdataset,
              { ...limits, shardImages },
            );
            return {
              sink,
              state,
              generation,
              at: committed,
              done: new Set<number>(),
              putting: Promise.resolve(),
            };
          }
          type Member = ReturnType<typeof begin>;

          function put(one: Member): void {
            const record = log[one.at];
            one.at += 1;
            one.putting = one.putting.then(async () => {
              const accepted = record && (await putRecord(one.sink, record));
              void accepted?.durable().then(() => {
                one.done.add(record!.offset);
                while (one.generation === generation && one.done.has(committed)) {
                  committed += 1;
                }
              });
            });
          }

          const members: Member[] = [begin()];
          for (const one of steps) {
            const chosen = members.at(-1 - (one.member % members.length))!;
            if (one.kind === 'begin') {
              members.push(begin());
            } else if (one.kind === 'put') {
              put(chosen);
            } else if (one.kind === 'flush') {
              void chosen.sink.flush();
            } else if (one.kind === 'kill') {
              chosen.state.isGone = true;
            } else {
              await ticks(12);
            }
          }
          // Those that were not killed come to their end, and the last one reads what is left.
          const last = begin();
          members.push(last);
          while (last.at < log.length) {
            put(last);
          }
          for (const { putting, sink, state } of members) {
            if (!state.isGone) {
              await putting;
              await sink.flush();
            }
          }
          await ticks(1);
          await Promise.all(members.map(({ sink }) => sink.close()));
          expect(committed).toBe(log.length);
          const found = await kept(memorySink(store, async () => {}, { isGone: false }));
          expect(found).toEqual(log.map((record) => sha256(contentOf(record))).toSorted());
        },
      ),
      { numRuns: 60 },
    );
  });
});

async function ticks(count: number): Promise<void> {
  for (let tick = 0; tick < count; tick += 1) {
    await new Promise(setImmediate);
  }
}

/** Creates only, and takes its time. Whoever is gone gets no answer, whether or not it was done. */
function memorySink(
  store: Map<string, Uint8Array>,
  later: () => Promise<void>,
  state: { readonly isGone: boolean },
): Sink {
  async function pass(): Promise<void> {
    await later();
    if (state.isGone) {
      await new Promise(() => {});
    }
  }
  return {
    location: 'the memory of a test',
    async put(key, content) {
      const bytes = Buffer.from(await content.read(0, content.size));
      await pass();
      const isNew = !store.has(key);
      if (isNew) {
        store.set(key, bytes);
      }
      await pass();
      return isNew ? { durable: async () => {} } : undefined;
    },
    async find(key) {
      await pass();
      const bytes = store.get(key);
      return bytes && { content: byteSource(bytes), durable: async () => {} };
    },
    async *list(prefix = '') {
      await pass();
      yield* [...store.keys()].filter((key) => key.startsWith(prefix)).map((key) => ({ key }));
    },
    flush: async () => {},
    probe: async () => [],
    classify: () => undefined,
    close: async () => {},
  };
}

test('the same records give the same bytes', async () => {
  const shards = [];
  for (let time = 0; time < 2; time += 1) {
    const root = temporaryFolder();
    const { sink, close } = await openSink(root);
    for (let offset = 0; offset < 3; offset += 1) {
      await putRecord(sink, { offset, folder: folders[0]! });
    }
    await sink.flush();
    await close();
    const found = await readDirectory(root).find(
      `${folders[0]}/a_topic-2a0d4d4b-3-00000000000000000000.png.tar`,
    );
    shards.push(sha256(await found!.content.read(0, found!.content.size)));
  }
  expect(shards[0]).toBe(shards[1]);
});
