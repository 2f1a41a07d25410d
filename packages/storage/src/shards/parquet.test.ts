import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { byteSource } from '@image-stream/codec';
import { fileSource } from '@image-stream/image-io';
import { expect, onTestFinished, test } from 'vitest';
import { parquet } from './parquet.ts';
import type { Sample } from './sample.ts';
import { createShardFile } from './shard.ts';

function sampleAt(offset: number, headers: Sample['headers'] = {}): Sample {
  return {
    ...{
      id: `image ${offset}`,
      customer: 'é',
      createdAt: '2026-01-31T12:00:00.123Z',
      mediaType: 'image/png',
    },
    ...{ width: 3, height: 4, sha256: createHash('sha256').update(String(offset)).digest('hex') },
    ...{ topic: 'images', partition: 1, offset, headers },
  };
}

async function archiveOf(sizes: readonly number[]) {
  const folder = mkdtempSync(join(tmpdir(), 'parquet-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = await createShardFile(join(folder, 'archive'), 'line-1', 'png');
  onTestFinished(() => file.close());
  const images = sizes.map((size) => randomBytes(size));
  for (const [index, image] of images.entries()) {
    await file.add(byteSource(image), sampleAt(2 ** 40 + index, { a: 'b', c: null }));
  }
  await file.finish();
  return { folder, file, images };
}

test('what is written is read, whatever its size, and any part of it alone', async () => {
  // More than one row group, and an image that is larger than one.
  const sizes = [0, 1, 5000, 20_000_000, 13_000_000, 40_000_000, 7];
  const { folder, file, images } = await archiveOf(sizes);
  const entries = file.entries.slice(1);
  const path = await parquet.write(file, entries, join(folder, 'table'));
  const table = await fileSource(path);
  expect(await parquet.lastOffset(table)).toBe(2 ** 40 + 6);
  let index = 1;
  for await (const { sample, place, content } of parquet.read(table)) {
    expect(sample).toEqual(sampleAt(2 ** 40 + index, { a: 'b', c: null }));
    expect(content.size).toBe(sizes[index]);
    expect(Buffer.compare(await content.read(0, content.size), images[index]!)).toBe(0);
    const opened = await parquet.open(table, place);
    expect(Buffer.compare(await opened.read(0, opened.size), images[index]!)).toBe(0);
    index += 1;
  }
  expect(index).toBe(sizes.length);
  const again = await parquet.write(file, entries, join(folder, 'again'));
  expect(readFileSync(again).equals(readFileSync(path))).toBe(true);
});

test('what is no such table, and what does not fit one, is refused', async () => {
  await expect(parquet.lastOffset(byteSource(Buffer.from('something else')))).rejects.toThrow('parquet');
  expect(() => parquet.assertFits({ size: 256 * 1024 ** 2 + 1, read: async () => Buffer.alloc(0) })).toThrow(
    expect.objectContaining({ code: 'TOO_LARGE' }),
  );
});
