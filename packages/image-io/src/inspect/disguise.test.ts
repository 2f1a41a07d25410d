import { byteSource } from '@image-stream/codec';
import { expect, test } from 'vitest';
import { generateImage } from '../generate.ts';
import { inspectImage } from '../inspect.ts';
import { transcode } from '../transcode.ts';

const pixels = generateImage({ pattern: 'noise', width: 40, height: 30, seed: 'a', index: 0 });
const judge = (bytes: Uint8Array): Promise<unknown> => inspectImage(byteSource(bytes));

test.each(['gif', 'webp', 'tiff', 'avif'] as const)(
  'a file in %s whose bytes were taken for text still begins as one, and is named all the same',
  async (encoding) => {
    const { bytes } = await transcode(pixels, encoding);
    await judge(bytes);
    const name = encoding.toUpperCase();
    const ofUtf8 = Buffer.from(Buffer.from(bytes).toString());
    await expect(judge(ofUtf8)).rejects.toThrow(
      new RegExp(`^not a ${name} file, although it begins as one; it looks like .*EF BF BD and are lost`),
    );
    const ofLatin1 = Buffer.from(Buffer.from(bytes).toString('latin1'));
    await expect(judge(ofLatin1)).rejects.toThrow(
      new RegExp(
        `^not a ${name} file, although it begins as one; it looks like .*each byte was taken for a character`,
      ),
    );
  },
);

test('JPEG-LS with segments like those of JPEG is named', async () => {
  const { bytes } = await transcode(pixels, 'jpeg');
  const frame = Buffer.from(bytes).indexOf(Buffer.of(0xff, 0xc0));
  const jpegLs = Buffer.from(bytes);
  jpegLs[frame + 1] = 0xf7;
  await judge(bytes);
  await expect(judge(jpegLs)).rejects.toThrow(
    'not a JPEG file, although it begins as one; it looks like a JPEG-LS image',
  );
});

test.each([
  ['0000001866747970686569630000000068656963', 'a HEIC image'],
  ['424d361000000000000036000000280000004000', 'a BMP image'],
  [
    Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>').toString('hex'),
    'an SVG drawing, which has no pixels',
  ],
])('a file of another format is named: %s', async (hex, name) => {
  await expect(judge(Buffer.from(hex, 'hex'))).rejects.toMatchObject({
    code: 'INVALID_IMAGE',
    message: `not a PNG, JPEG, WebP, AVIF, TIFF, GIF or NPY file; it looks like ${name}`,
  });
});

test('a file that is only cut off is no other one', async () => {
  for (const encoding of ['jpeg', 'png', 'gif', 'webp', 'tiff', 'avif'] as const) {
    const { bytes } = await transcode(pixels, encoding);
    await expect(judge(bytes.subarray(0, bytes.length >> 1))).rejects.toThrow(/cut off|outside|damaged/);
  }
});

test('a limit is called what whoever sets it calls it', async () => {
  const { bytes } = await transcode(pixels, 'png');
  const options = { maxImagePixels: 1199, raisedBy: { maxImagePixels: '--max-image-pixels' } };
  await expect(inspectImage(byteSource(bytes), options)).rejects.toThrow(
    '40 x 30 = 1200 pixels exceed the limit of 1199; --max-image-pixels raises it',
  );
});
