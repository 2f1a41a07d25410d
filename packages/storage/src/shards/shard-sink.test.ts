import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { byteSource } from '@image-stream/codec';
import { generateImage, transcode } from '@image-stream/image-io';
import fc from 'fast-check';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openDirectory, readDirectory } from '../file-sink.ts';
import type { Accepted, Sink, SinkReader } from '../sink.ts';
import { lineOf, sampleName } from './sample.ts';
import { shardReader } from './shard-reader.ts';
import { createShardSink } from './shard-sink.ts';
import type { ShardLimits } from './shard-sink.ts';
import { parseHeader, tarHeader } from './ustar.ts';
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

async function openSink(changed: Partial<ShardLimits> = {}, root = temporaryFolder()) {
  const { sink, workspace } = await openDirectory(root);
  onTestFinished(() => workspace.close());
  return { root, sink: createShardSink(sink, workspace, webdataset, { ...limits, ...changed }) };
}

function putRecord(
  sink: Sink,
  one: Logged,
  { id = `image.${one.offset}`, content = byteSource(contentOf(one)) } = {},
): Promise<Accepted | undefined> {
  return sink.put(`${one.folder}/${id}.png`, content, 'create', {
    mediaType: 'image/png',
    image: { id, customerId: 'c', createdAt: new Date(0) },
    origin: { topic: 'a.topic', topicId: 'x', partition: 3, offset: String(one.offset), headers: { a: 'b' } },
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
            const logged = log[one.at];
            one.at += 1;
            one.putting = one.putting.then(async () => {
              const accepted = logged && (await putRecord(one.sink, logged));
              void accepted?.durable().then(() => {
                one.done.add(logged!.offset);
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
          expect(found).toEqual(log.map((logged) => sha256(contentOf(logged))).toSorted());
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

describe('a shard', () => {
  test('is the same, byte for byte, for the same records', async () => {
    const shards = [];
    for (let time = 0; time < 2; time += 1) {
      const { root, sink } = await openSink();
      for (let offset = 0; offset < 3; offset += 1) {
        await putRecord(sink, record(offset));
      }
      await sink.flush();
      shards.push(await shardsIn(root));
    }
    expect(shards[0]).toHaveLength(1);
    expect(shards[0]![0]!.key).toMatch(
      /^customer=a\/date=2026-01-01\/a_topic-[0-9a-f]{8}-3-00000000000000000000\.png\.tar$/,
    );
    expect(shards[0]).toEqual(shards[1]);
  });

  test.each<[string, Partial<ShardLimits>, number]>([
    ['images', { shardImages: 2 }, 3],
    ['bytes', { shardBytes: 4000 }, 3],
    ['time', { shardIntervalMs: 1 }, 5],
  ])('is closed by its %s', async (_what, changed, count) => {
    const { root, sink } = await openSink(changed);
    for (let offset = 0; offset < 5; offset += 1) {
      const accepted = await putRecord(sink, record(offset));
      // Nobody asks for the others.
      await (count === 5 && accepted!.durable());
    }
    await sink.flush();
    expect(await shardsIn(root)).toHaveLength(count);
    expect(await kept(readDirectory(root))).toHaveLength(5);
  });

  test('holds an image that is larger than it may be', async () => {
    const { root, sink } = await openSink({ shardBytes: 100_000 });
    const large = Buffer.concat([picture, randomBytes(3_000_000)]);
    await putRecord(sink, record(0));
    await putRecord(sink, record(1), { content: byteSource(large) });
    await putRecord(sink, record(2));
    await sink.flush();
    expect(await shardsIn(root)).toHaveLength(3);
    expect(await kept(readDirectory(root))).toContain(sha256(large));
  });

  test('goes on after an image that could not be read to its end', async () => {
    const { root, sink } = await openSink();
    for (const size of [2000, 3_000_000]) {
      const broken = Buffer.concat([picture, randomBytes(size)]);
      const offset = 2 * Math.sign(size - 2000);
      await putRecord(sink, record(offset));
      let reads = 0;
      const content = {
        size: broken.length,
        read: async (start: number, end: number) => {
          reads += Number(start === (size > 2 ** 20 ? 2 ** 20 : 0) && end > 1000);
          if (reads > Number(size < 2 ** 20)) {
            throw new Error('not now');
          }
          return broken.subarray(start, end);
        },
      };
      await expect(putRecord(sink, record(offset + 1), { content })).rejects.toThrow('not now');
      await putRecord(sink, record(offset + 1), { content: byteSource(broken) });
    }
    await sink.flush();
    expect(await kept(readDirectory(root))).toHaveLength(4);
  });

  test('waits for what keeps it, and is asked for again', async () => {
    const { sink: inner, workspace } = await openDirectory(temporaryFolder());
    onTestFinished(() => workspace.close());
    let failing = 3;
    const sink = createShardSink(
      {
        ...inner,
        async put(...args) {
          failing -= 1;
          if (failing > 0) {
            throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
          }
          return inner.put(...args);
        },
      },
      workspace,
      webdataset,
      { ...limits, shardImages: 1 },
    );
    const accepted = await putRecord(sink, record(0));
    await expect(accepted!.durable()).rejects.toThrow('ENOSPC');
    await expect(accepted!.durable()).rejects.toThrow('ENOSPC');
    await accepted!.durable();
    expect(await kept(inner)).toHaveLength(1);
  });

  test('of more folders than may be open is closed, the oldest first', async () => {
    const { root, sink } = await openSink();
    const all = [];
    for (let offset = 0; offset < 70; offset += 1) {
      all.push(await putRecord(sink, { offset, folder: `customer=${offset}/date=2026-01-01` }));
    }
    await Promise.all(all.slice(0, 6).map((accepted) => accepted!.durable()));
    const closed = await shardsIn(root);
    expect(new Set(closed.map(({ key }) => key.split('/')[0]))).toEqual(
      new Set(Array.from({ length: 6 }, (_, index) => `customer=${index}`)),
    );
    await sink.flush();
    expect(await shardsIn(root)).toHaveLength(70);
  });

  test('that is none is named, and what to do', async () => {
    const { root, sink } = await openSink({ shardImages: 1 });
    await (await putRecord(sink, record(7)))!.durable();
    const key = (await shardsIn(root))[0]!.key;
    writeFileSync(join(root, key), 'something else');
    const again = await openSink({}, root);
    await expect(putRecord(again.sink, record(7))).rejects.toThrow(
      expect.objectContaining({
        code: 'NOT_A_SHARD',
        message: expect.stringContaining(`${key} in ${root} is not`),
      }),
    );
  });

  test('that does not hold the image after which it is named is named as well', async () => {
    const { root, sink } = await openSink({ shardImages: 1 });
    await (await putRecord(sink, record(7)))!.durable();
    const { key } = (await shardsIn(root))[0]!;
    renameSync(join(root, key), join(root, key.replace(/7(?=\.)/, '9')));
    const again = await openSink({ shardImages: 1 }, root);
    const accepted = await putRecord(again.sink, record(9));
    await expect(accepted!.durable()).rejects.toThrow(
      expect.objectContaining({ code: 'NOT_A_SHARD', message: expect.stringContaining('image of offset 9') }),
    );
  });

  test('that holds another image for a record is left as it is', async () => {
    const { root, sink } = await openSink({ shardImages: 1 });
    await (await putRecord(sink, record(7)))!.durable();
    const again = await openSink({}, root);
    await expect(putRecord(again.sink, record(7), { id: 'another' })).rejects.toThrow(
      expect.objectContaining({ code: 'CONFLICT' }),
    );
    expect(await putRecord(again.sink, record(7))).toMatchObject({ wasThere: true });
  });
});

test('the size of a file in an archive has as many digits as it needs', () => {
  for (const size of [0, 511, 8 ** 11 - 1, 8 ** 11, 5 * 1024 ** 4]) {
    expect(parseHeader(tarHeader('name.json', size))).toEqual({ name: 'name.json', size });
  }
});

test('names of samples fit an archive, have no dot, and differ where topics do', () => {
  const lines = ['a'.repeat(249), `${'a'.repeat(248)}b`, 'a.b'].map((topic) =>
    lineOf({ topic, topicId: 'id', partition: 99_999, offset: '0' }),
  );
  expect(new Set(lines).size).toBe(3);
  for (const line of lines) {
    expect(`${sampleName(line, Number.MAX_SAFE_INTEGER)}.jpeg`.length).toBeLessThanOrEqual(100);
    expect(line).not.toContain('.');
  }
  expect(lineOf({ topic: 'a', topicId: 'one', partition: 0, offset: '0' })).not.toBe(
    lineOf({ topic: 'a', topicId: 'two', partition: 0, offset: '0' }),
  );
});

function record(offset: number): Logged {
  return { offset, folder: folders[0]! };
}

async function shardsIn(root: string) {
  const all = [];
  for await (const { key } of readDirectory(root).list()) {
    const found = await readDirectory(root).find(key);
    all.push({ key, hash: sha256(await found!.content.read(0, found!.content.size)) });
  }
  return all;
}
