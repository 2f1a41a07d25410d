import { byteSource } from '@image-stream/codec';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { inspectImage } from '../index.ts';
import { tiff } from './tiff.test-support.ts';
import type { Page } from './tiff.test-support.ts';

/** 4 x 4 pixels of one byte, at byte 8. */
const page: Page = { 256: 4, 257: 4, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 4, 279: 16 };
const without = (tag: number): Page =>
  Object.fromEntries(Object.entries(page).filter(([key]) => Number(key) !== tag));
const inspect = (file: Buffer): ReturnType<typeof inspectImage> => inspectImage(byteSource(file));

const directoryStart = 8 + 64;
const directoryBytes = (one: Page): number => 6 + 12 * Object.keys(one).length;

/** A file of which the last pointer leads somewhere. */
function leadingTo(next: number, pages = [page]): Buffer {
  const file = tiff(pages);
  file.writeUInt32LE(next, file.length - 4);
  return file;
}

/** A page with a tag whose values lie outside the file. */
function outside(tag: number): Buffer {
  const file = tiff([{ ...page, [tag]: [8, 8, 8] }]);
  const entry = Buffer.alloc(4);
  entry.writeUInt16LE(tag);
  entry.writeUInt16LE(4, 2);
  file.writeUInt32LE(1_000_000, file.indexOf(entry) + 8);
  return file;
}

/** What readers of strips get out of a file. */
async function pixelsOf(file: Buffer): Promise<Buffer> {
  return sharp(file, { failOn: 'error' }).raw().toBuffer();
}

describe('taken, as decoders do', () => {
  test.each<[string, () => Buffer]>([
    ['directories that go round in circles', () => leadingTo(directoryStart)],
    ['no pointer to the next directory', () => tiff([page]).subarray(0, -4)],
    ['half a pointer to the next directory', () => tiff([page]).subarray(0, -2)],
    ['no counts of what is not compressed', () => tiff([without(279)])],
    ['a count that is too large', () => tiff([{ ...page, 279: 10_000 }])],
    ['a count of nothing', () => tiff([{ ...page, 279: 0 }])],
    ['a tag that no decoder needs and that is outside', () => outside(305)],
    ['no rows per strip', () => tiff([without(278)])],
  ])('%s', async (_what, make) => {
    const file = make();
    expect(await inspect(file)).toEqual({ mediaType: 'image/tiff', width: 4, height: 4, frames: 1 });
    expect(await pixelsOf(file)).toHaveLength(48);
  });

  test('compressed strips without counts, or with none, which the decoder finds whole', async () => {
    const file = await sharp(Buffer.alloc(300, 'abcdefg'), { raw: { width: 10, height: 10, channels: 3 } })
      .tiff({ compression: 'lzw' })
      .toBuffer();
    const start = file.readUInt32LE(4);
    const counts = file.indexOf(Buffer.of(0x17, 1), start);
    file.writeUInt16LE(65_000, counts);
    expect(await inspect(file)).toMatchObject({ width: 10 });
    file.writeUInt16LE(279, counts);
    file.writeUInt32LE(0, counts + 8);
    expect(await inspect(file)).toMatchObject({ width: 10 });
    file.fill(0, 8, 30);
    await expect(inspect(file)).rejects.toThrow('cannot be decoded');
  });
});

describe('refused', () => {
  test.each<[string, () => Buffer, string]>([
    ['a strip that is cut off', () => tiff([{ ...page, 273: 400 }]), 'cut off'],
    ['a strip without count that is cut off', () => tiff([{ ...without(279), 273: 400 }]), 'cut off'],
    ['a next directory that is cut off', () => leadingTo(1_000_000), 'cut off'],
    ['a tag that decoders need and that is outside', () => outside(258), 'cut off'],
    [
      'a picture below a page that is cut off',
      () => withBelow(page, { ...page, 256: 32, 257: 32, 278: 32, 279: 1024 }),
      'cut off',
    ],
    ['fewer strips than rows need', () => tiff([{ ...page, 278: 1 }]), '4 strips or tiles says only of 1'],
    ['RGB of one sample', () => tiff([{ ...page, 262: 2 }]), 'RGB has 1 samples'],
    ['tables of a JPEG that are cut off', () => tiff([{ ...page, 519: [8, 400] }]), 'cut off'],
    ['a page without pixels', () => tiff([without(273)]), 'where its pixels are'],
    [
      'RGB without the size of its samples',
      () => tiff([{ ...without(258), 262: 2, 277: 3 }]),
      'cannot be decoded',
    ],
  ])('%s', async (_what, make, message) => {
    await expect(inspect(make())).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      message: expect.stringContaining(message) as string,
    });
  });
});

/** A page, and a picture below it, as a DNG has its thumbnail first. */
function withBelow(first: Page, below: Page): Buffer {
  const second = directoryStart + directoryBytes(first) + 12;
  const file = tiff([{ ...first, 330: second }, below]);
  // Only the page is in the chain.
  file.writeUInt32LE(0, second - 4);
  return file;
}

test('pictures below a page count for the dimensions, and not as frames', async () => {
  const below = { ...page, 256: 8, 257: 8, 278: 8, 279: 64 };
  expect(await inspect(withBelow(page, below))).toMatchObject({ width: 8, height: 8, frames: 1 });
});
