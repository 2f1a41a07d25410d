import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBudget, createPool } from '@image-stream/budget';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBuckets } from './buckets.ts';
import { compare } from './compare.ts';
import { createRecordSet } from './record-set.ts';
import { createReport } from './report.ts';
import { keyOf } from './rows.ts';
import type { ChunkRow, Row } from './rows.ts';

/** What becomes of an image, and how it is to be reported. */
const fates = {
  saved: 'onDisk',
  'saved, though its chunks are not all there': 'onDisk',
  'saved and a dead letter': 'onDisk',
  deleted: 'missing',
  overwritten: 'damaged',
  'cut off': 'incomplete',
  'set aside': 'deadLettered',
  'set aside in chunks that did not all come': 'deadLettered',
  'second of its id': 'conflicting',
  'second of its id and set aside': 'deadLettered',
  garbage: 'unreadable',
  'garbage and set aside': 'deadLettered',
  'of nobody': 'unexpected',
} as const;
type Fate = keyof typeof fates;

const image = fc.record({
  fate: fc.constantFrom(...(Object.keys(fates) as Fate[])),
  count: fc.integer({ min: 2, max: 4 }),
  /** How often its records were sent. */
  times: fc.integer({ min: 1, max: 3 }),
});

test('each image, record and file is counted once, as what it is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'compare-'));
  await fc.assert(
    fc.asyncProperty(
      fc.array(image, { maxLength: 40 }),
      fc.infiniteStream(fc.nat()),
      async (images, random) => {
        const world = createWorld();
        const expected = Object.fromEntries(Object.values(fates).map((kind) => [kind, 0]));
        for (const [index, { fate, count, times }] of images.entries()) {
          world.add(`image-${index}`, fate, count, times);
          expected[fates[fate]]! += 1;
          // The one that the second of its id came after.
          expected['onDisk']! += fate.startsWith('second') ? 1 : 0;
        }
        expect(await world.compared(folder, random)).toEqual({ ...expected, tombstones: 0 });
      },
    ),
    { numRuns: 300 },
  );
  rmSync(folder, { recursive: true });
});

/** A topic, its dead letters and a disk. */
function createWorld() {
  const rows: Row[] = [];
  const disk = new Map<string, string>();
  const deadLetters = createRecordSet();
  let offset = 0;

  function place(isDeadLetter: boolean): { partition: number; offset: string } {
    offset += 1;
    const here = { partition: offset % 3, offset: String(offset) };
    if (isDeadLetter) {
      deadLetters.add(here.partition, here.offset);
    }
    return here;
  }

  function chunk(id: string, digest: string, index: number, count: number, isDeadLetter = false): ChunkRow {
    const what = { extension: 'png', check: 'bytes', digest, size: 1 } as const;
    const upload = `${digest}/${count}`;
    return { kind: 'chunk', stem: id, ...what, upload, index, count, ...place(isDeadLetter) };
  }

  function send(id: string, digest: string, indexes: number[], count: number, isDeadLetter = false): void {
    // Of a dead letter, one record may do: the first time was before it could not be saved.
    rows.push(
      ...indexes.map((index) => chunk(id, digest, index, count, isDeadLetter && index === indexes.at(-1))),
    );
  }

  function store(path: string, digest: string): void {
    disk.set(path, digest);
    rows.push({ kind: 'file', path });
  }

  return {
    add(id: string, fate: Fate, count: number, times: number): void {
      const path = `${id}.png`;
      const all = Array.from({ length: count }, (_one, index) => index);
      for (let time = 0; time < times; time++) {
        const isSetAside = fate.includes('set aside') || fate.includes('dead letter');
        if (fate.includes('garbage')) {
          // Each of them is one; only the same record may come twice.
          const garbage = { kind: 'unreadable', reason: 'no image', ...place(isSetAside) } as const;
          rows.push(...Array.from({ length: times }, () => garbage));
          return;
        }
        if (fate.startsWith('second')) {
          send(id, 'first', [0], 1);
          send(id, 'second', all, count, isSetAside);
        } else if (fate.includes('not all') || fate === 'cut off') {
          send(id, 'it', all.slice(time % 2, -1), count, isSetAside);
          // Chunks of another size do not complete it.
          send(id, 'it', [count], count + 1);
        } else if (fate !== 'of nobody') {
          send(id, 'it', time === 0 ? all : [0], time === 0 ? count : 1, isSetAside);
        }
      }
      if (fate.startsWith('saved')) {
        store(path, 'it');
      } else if (fate.startsWith('second')) {
        store(path, 'first');
      } else if (fate === 'overwritten' || fate === 'of nobody') {
        store(path, 'something else');
      }
    },

    async compared(folder: string, random: Iterator<number>): Promise<Record<string, number>> {
      const buckets = createBuckets<Row>(folder);
      // In any order.
      const keyed = rows.map((row) => ({ row, at: random.next().value as number }));
      for (const { row } of keyed.toSorted((one, other) => one.at - other.at)) {
        buckets.add(keyOf(row), row);
      }
      const report = createReport('topic');
      const pool = createPool(createBudget(1, 4));
      for await (const some of buckets.read(new AbortController().signal)) {
        await compare(some, {
          deadLetters,
          check: async ({ path, digest }) =>
            disk.has(path) ? (disk.get(path) === digest ? 'same' : 'other') : 'nothing',
          hasShards: false,
          isWhole: true,
          report,
          pool,
          signal: new AbortController().signal,
        });
      }
      await pool.drain();
      return { ...report.counts() };
    },
  };
}
