import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { byteSource } from '@image-stream/codec';
import sharp from 'sharp';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  addMadeFrom,
  decodePixels,
  generateImage,
  inspectImage,
  readMadeFrom,
  madeFromSha256,
  transcode,
  withMadeFrom,
} from './index.ts';

const photograph = generateImage({ pattern: 'mandelbrot', width: 61, height: 47, seed: 'made', index: 0 });
const sha256 = 'ab'.repeat(32);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'made-from-'));
  return () => rm(folder, { recursive: true });
});

describe.each(['jpeg', 'webp', 'avif', 'gif'] as const)('%s', (encoding) => {
  test('says what it was made from, in memory and on disk, and is the same image', async () => {
    const plain = await transcode(photograph, encoding);
    const made = withMadeFrom(plain, sha256);
    expect(await readMadeFrom(byteSource(plain.bytes))).toBeUndefined();
    expect(await readMadeFrom(byteSource(made.bytes))).toEqual({ sha256, isIntact: true });
    const before = await inspectImage(byteSource(plain.bytes));
    expect(await inspectImage(byteSource(made.bytes))).toEqual(before);
    const [one, other] = await Promise.all([plain, made].map(({ bytes }) => sharp(bytes).raw().toBuffer()));
    expect(other).toEqual(one);

    const file = join(folder, 'file');
    await writeFile(file, plain.bytes);
    await addMadeFrom(file, plain.mediaType, sha256);
    expect(await readFile(file)).toEqual(made.bytes);
  });

  test('is known to be damaged, wherever it is', async () => {
    const { bytes } = withMadeFrom(await transcode(photograph, encoding), sha256);
    const size = bytes.length;
    const digits = size - 64 - 3;
    for (const place of [size >> 1, digits - 20, digits]) {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(damaged.readUInt8(place) === 0x30 ? 0x31 : 0x30, place);
      const found = await readMadeFrom(byteSource(damaged));
      expect(found?.isIntact ?? false).toBe(false);
    }
  });
});

test('lossless files are left as they are', async () => {
  const png = await transcode(photograph, 'png');
  expect(withMadeFrom(png, sha256).bytes).toBe(png.bytes);
  const file = join(folder, 'file');
  await writeFile(file, png.bytes);
  await addMadeFrom(file, png.mediaType, sha256);
  expect(await readFile(file)).toEqual(Buffer.from(png.bytes));
});

test('what says nothing, or is no image, was made from nothing known', async () => {
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('x'.repeat(400)),
    Buffer.from([0xff, 0xd8, 0xff, 0xd9]),
  ]) {
    expect(await readMadeFrom(byteSource(bytes))).toBeUndefined();
  }
});

test('the same pixels have the same digest as an array and with a dimension of one channel', async () => {
  const grey = await decodePixels(
    await transcode({ shape: [2, 2], dtype: 'uint8', data: new Uint8Array(4) }, 'png'),
  );
  const one = { shape: [2, 2, 1], dtype: 'uint8', data: new Uint8Array(4) } as const;
  expect(await madeFromSha256(grey)).toBe(await madeFromSha256(one));
  expect(await madeFromSha256({ ...one, shape: [4, 1] })).not.toBe(await madeFromSha256(one));
});
