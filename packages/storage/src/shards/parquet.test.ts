import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { byteSource } from '@image-stream/codec';
import type { ByteSource } from '@image-stream/codec';
import { fileSource, sha256Of } from '@image-stream/image-io';
import { parquetMetadata } from 'hyparquet';
import { expect, onTestFinished, test } from 'vitest';
import { parquet } from './parquet.ts';
import type { Sample } from './sample.ts';
import { createShardFile } from './shard.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function sampleAt(offset: number, image: Uint8Array, headers: Sample['headers']): Sample {
  return {
    ...{ id: `image ${offset}`, customer: 'é', createdAt: '2026-01-31T12:00:00.123Z' },
    ...{ mediaType: 'image/png', width: 3, height: 4, sha256: sha256(image) },
    ...{ topic: 'images', partition: 1, offset, headers },
  };
}

async function archiveOf(images: readonly Uint8Array[], headers: Sample['headers'] = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'parquet-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = await createShardFile(join(folder, 'archive'), 'line-1', 'png');
  onTestFinished(() => file.close());
  const samples = images.map((image, index) => sampleAt(2 ** 40 + index, image, headers));
  for (const [index, image] of images.entries()) {
    await file.add(byteSource(image), samples[index]!);
  }
  await file.finish();
  return { file, samples, write: (name: string) => parquet.write(file, file.entries, join(folder, name)) };
}

/** Counts what is read of it. */
function counting(source: ByteSource) {
  const counted = {
    bytes: 0,
    size: source.size,
    read(start: number, end: number) {
      counted.bytes += end - start;
      return source.read(start, end);
    },
  };
  return counted;
}

test('what is written is read, whatever its size, and the same gives the same bytes', async () => {
  // More than one row group, images that are larger than one, and some that share one.
  const images = [1, 0, 5000, 20_000_000, 13_000_000, 40_000_000, 7].map((size) => randomBytes(size));
  const { file, samples } = await archiveOf(images, { a: 'b', c: null, é: '😀' });
  const path = await parquet.write(file, file.entries.slice(1), `${file.path}.parquet`);
  const table = await fileSource(path);
  expect(await parquet.lastOffset(table)).toBe(2 ** 40 + 6);
  let index = 1;
  for await (const { sample, place, content } of parquet.read(table)) {
    expect(sample).toEqual(samples[index]);
    expect(content.size).toBe(images[index]!.length);
    expect(await sha256Of(content)).toBe(sample.sha256);
    expect(await sha256Of(await parquet.open(table, place))).toBe(sample.sha256);
    expect(Buffer.compare(await content.read(0, content.size), images[index]!)).toBe(0);
    index += 1;
  }
  expect(index).toBe(images.length);
  const again = await parquet.write(file, file.entries.slice(1), `${file.path}.again`);
  expect(readFileSync(again).equals(readFileSync(path))).toBe(true);
});

test('no more images are read than are asked for', async () => {
  const images = Array.from({ length: 40 }, () => randomBytes(1_000_000));
  const { write } = await archiveOf(images);
  const file = await fileSource(await write('table'));
  // The end of the file, which holds what is known of its columns.
  const rest = 600_000;

  const last = counting(file);
  await parquet.lastOffset(last);
  expect(last.bytes).toBeLessThan(rest);

  const listed = counting(file);
  const places: string[] = [];
  for await (const { place } of parquet.read(listed)) {
    places.push(place);
  }
  expect(listed.bytes).toBeLessThan(rest + 100_000);

  const opened = counting(file);
  const content = await parquet.open(opened, places[20]!);
  expect(Buffer.compare(await content.read(0, content.size), images[20]!)).toBe(0);
  expect(opened.bytes).toBe(1_000_000);
});

test('many tables at once take no more memory than one, and none that depends on its size', async () => {
  const image = randomBytes(1_000_000);
  const archives = await Promise.all(
    Array.from({ length: 8 }, () => archiveOf(Array.from({ length: 20 }, () => image))),
  );
  const { arrayBuffers } = process.memoryUsage();
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - arrayBuffers);
  }, 1);
  await Promise.all(archives.map(({ write }) => write('table')));
  clearInterval(timer);
  expect(peak).toBeLessThan(60_000_000);
});

test('headers count for the size of a row group', async () => {
  const images = Array.from({ length: 20 }, () => randomBytes(10));
  const { write } = await archiveOf(images, { large: 'x'.repeat(2_000_000) });
  const { row_groups } = parquetMetadata(readFileSync(await write('table')));
  expect(row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([16, 4]);
});

test('damage is noticed, wherever it is', async () => {
  const images = Array.from({ length: 4 }, (_one, index) => randomBytes(1 + index));
  const { write } = await archiveOf(images);
  const whole = readFileSync(await write('table'));
  const problemOf = async (table: Buffer): Promise<string | undefined> => {
    try {
      for await (const { sample, content } of parquet.read(byteSource(table))) {
        if ((await sha256Of(content)) !== sample.sha256) {
          return 'another image';
        }
      }
      return undefined;
    } catch (error) {
      return String(error);
    }
  };
  expect(await problemOf(whole)).toBeUndefined();
  const unnoticed: number[] = [];
  for (let at = 0; at < whole.length; at += 1) {
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 1 << (at % 8);
    // Cut off there, every eighth time.
    const others = at % 8 === 0 ? [damaged, whole.subarray(0, at)] : [damaged];
    for (const other of others) {
      if ((await problemOf(other)) === undefined) {
        unnoticed.push(at);
      }
    }
  }
  expect(unnoticed).toEqual([]);
});

test('what is no such table, and what does not fit one, is refused', async () => {
  await expect(parquet.lastOffset(byteSource(Buffer.from('something else')))).rejects.toThrow('Parquet');
  const ofSize = (size: number) => ({ size, read: async () => Buffer.alloc(0) });
  expect(() => parquet.assertFits(ofSize(2 ** 31 - 100))).not.toThrow();
  expect(() => parquet.assertFits(ofSize(2 ** 31 - 1))).toThrow(
    expect.objectContaining({ code: 'TOO_LARGE' }),
  );
});
