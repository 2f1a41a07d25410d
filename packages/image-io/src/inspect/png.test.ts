import { crc32 } from 'node:zlib';
import { byteSource } from '@image-stream/codec';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { inspectImage } from '../index.ts';
import { chunk } from './png.test-support.ts';

const inspect = (file: Buffer): ReturnType<typeof inspectImage> => inspectImage(byteSource(file));

const picture = (): Promise<Buffer> =>
  sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
    .png()
    .toBuffer();

/** A PNG with another byte in its header, and the right CRC. */
async function withHeader(at: number, value: number): Promise<Buffer> {
  const file = await picture();
  file[16 + at] = value;
  file.writeUInt32BE(crc32(file.subarray(12, 29)), 29);
  return file;
}

describe('a header that cannot be is refused', () => {
  test.each([
    ['bit depth', 8, 3],
    ['bit depth of RGB', 8, 4],
    ['colour type', 9, 5],
    ['palette without colours', 9, 3],
    ['compression', 10, 1],
    ['filter', 11, 1],
    ['interlace', 12, 2],
    ['width', 0, 0x80],
  ])('%s', async (_what, at, value) => {
    const file = await withHeader(at, value);
    await expect(inspect(file)).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
    await expect(sharp(file, { failOn: 'error' }).raw().toBuffer()).rejects.toThrow(/./);
  });
});

test.each([
  ['as many as announced', 3, 3, 3],
  ['fewer than announced', 4_000_000_000, 3, 3],
  ['more than announced', 2, 3, 2],
  ['none', 0, 0, 1],
])('frames of an animation: %s', async (_what, announced, present, frames) => {
  const file = await picture();
  const count = Buffer.alloc(8);
  count.writeUInt32BE(announced);
  const control = chunk('fcTL', Buffer.alloc(26));
  const chunks = [chunk('acTL', count), ...Array.from({ length: present }, () => control)];
  const animated = Buffer.concat([file.subarray(0, 33), ...chunks, file.subarray(33)]);
  expect(await inspect(animated)).toMatchObject({ frames });
});

test('a PNG is refused wherever a chunk of its own kind is cut off', async () => {
  const file = await picture();
  const odd = Buffer.concat([file.subarray(0, 33), chunk('teXt', Buffer.alloc(70_000)), file.subarray(33)]);
  expect(await inspect(odd)).toMatchObject({ width: 8 });
  await expect(inspect(odd.subarray(0, 69_000))).rejects.toThrow('cut off: it ends at byte 69000');
});
