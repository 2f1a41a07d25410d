import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createBuckets } from './buckets.ts';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'buckets-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('rows come back once and unchanged, those of equal keys together, and leave nothing behind', async () => {
  const folder = temporaryFolder();
  const buckets = createBuckets<{ key: string; text: string }>(folder);
  // Line ends of all kinds, and more than what waits in memory.
  const texts = ['', 'plain', '\n\r\u2028\u2029', '"é\u{1F600}', 'x'.repeat(70_000)];
  const rows = Array.from({ length: 2000 }, (_one, index) => ({
    key: `key-${index % 400}`,
    text: `${texts[index % texts.length]}${index}`,
  }));
  for (const row of rows) {
    buckets.add(row.key, row);
  }
  const found = [];
  const bucketsOf = new Map<string, Set<number>>();
  let bucket = 0;
  for await (const some of buckets.read(new AbortController().signal)) {
    bucket += 1;
    for await (const row of some) {
      found.push(row);
      bucketsOf.set(row.key, (bucketsOf.get(row.key) ?? new Set()).add(bucket));
    }
  }
  const sorted = (all: typeof rows): string[] => all.map((row) => JSON.stringify(row)).toSorted();
  expect(sorted(found)).toEqual(sorted(rows));
  expect([...bucketsOf.values()].every(({ size }) => size === 1)).toBe(true);
  expect(bucket).toBeGreaterThan(150);
  expect(readdirSync(folder)).toEqual([]);
});

test('a place where nothing can be written is named, and what to do', async () => {
  const folder = join(temporaryFolder(), 'absent');
  const buckets = createBuckets<string>(folder);
  buckets.add('key', 'row');
  await expect(buckets.read(new AbortController().signal).next()).rejects.toThrow(
    new RegExp(`^cannot keep notes in ${folder}: ENOENT.*; TMPDIR can name another place$`),
  );
});

test('nothing is written once reading is stopped', async () => {
  const folder = temporaryFolder();
  const buckets = createBuckets<string>(folder);
  for (let index = 0; index < 1000; index += 1) {
    buckets.add(String(index), 'row');
  }
  const stopping = new AbortController();
  const reading = buckets.read(stopping.signal);
  await reading.next();
  stopping.abort(new Error('stopped'));
  await expect(reading.next()).rejects.toThrow('stopped');
  expect(readdirSync(folder)).toEqual([]);
});
