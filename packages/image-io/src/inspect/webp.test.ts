import { byteSource } from '@image-stream/codec';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { inspectImage } from '../index.ts';

/** A WebP whose only chunk has an odd length, and so a byte of padding. */
async function odd(): Promise<Buffer> {
  for (let side = 4; ; side++) {
    const data = Buffer.from(Array.from({ length: side * side * 3 }, (_one, index) => (index * 7919) >> 3));
    const file = await sharp(data, { raw: { width: side, height: side, channels: 3 } })
      .webp({ lossless: true })
      .toBuffer();
    if (file.readUInt32LE(16) % 2 === 1) {
      return file;
    }
  }
}

function announcing(file: Buffer, bytes: number): Buffer {
  const copy = Buffer.from(file);
  copy.writeUInt32LE(bytes - 8, 4);
  return copy;
}

test.each<[string, (file: Buffer) => Buffer]>([
  ['without the padding in its length', (file) => announcing(file, file.length - 1)],
  ['without its padding', (file) => announcing(file, file.length - 1).subarray(0, -1)],
  [
    'with a byte too many in its length',
    (file) => announcing(Buffer.concat([file, Buffer.of(0)]), file.length + 1),
  ],
])('a WebP %s is taken', async (_what, edit) => {
  expect(await inspectImage(byteSource(edit(await odd())))).toMatchObject({ mediaType: 'image/webp' });
});

test.each<[string, (file: Buffer) => Buffer]>([
  ['announces a byte more than it has', (file) => announcing(file, file.length + 1)],
  ['announces less than its chunk', (file) => announcing(file, file.length - 2)],
])('a WebP that %s is refused', async (_what, edit) => {
  await expect(inspectImage(byteSource(edit(await odd())))).rejects.toThrow('cut off');
});
