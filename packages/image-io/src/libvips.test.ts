import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { decoded } from './libvips.ts';
import { encodings, fileSource, generateImage, thumbnailOf, transcode, transcodeToFile } from './index.ts';

const pixels = generateImage({ pattern: 'noise', width: 100, height: 100, seed: '1', index: 0 });

test.skipIf(!existsSync('/dev/full')).each(encodings)(
  'a full disk is not the fault of the image that becomes %s',
  async (encoding) => {
    const { bytes } = await transcode(pixels, 'tiff');
    const full = transcodeToFile({ mediaType: 'image/tiff', bytes }, encoding, '/dev/full');
    await expect(full).rejects.toMatchObject({ code: 'ENOSPC' });
  },
);

test('a folder that is gone is not the fault of the image', async () => {
  const gone = join(tmpdir(), 'no-such-folder', 'image.webp');
  await expect(transcodeToFile(pixels, 'webp', gone)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a file that is gone is not the fault of the image', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'decoded-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'image.tif');
  await writeFile(path, (await transcode(pixels, 'tiff')).bytes);
  const source = await fileSource(path);
  const removing = {
    ...source,
    read: async (start: number, end: number) => {
      const bytes = await source.read(start, end);
      await rm(path, { force: true });
      return bytes;
    },
  };
  const thumbnail = thumbnailOf({ mediaType: 'image/tiff', source: removing }, 10);
  await expect(thumbnail).rejects.toMatchObject({ code: 'ENOENT' });
});

test.each([
  ['x.png: write error\nsystem error: Disk quota exceeded', 'EDQUOT'],
  ['x.png: unable to open\nunix error: Too many open files', 'EMFILE'],
  ['vips_tracked: out of memory --- size == 9MB\nsystem error: Cannot allocate memory', 'ENOMEM'],
  ['wbuffer_write: write failed\nsystem error: Unknown error -1\nx: write\nsystem error: I/O error', 'EIO'],
  ['VipsJpeg: premature end of JPEG image', 'INVALID_IMAGE'],
  ['source: unable to seek\nsystem error: Invalid argument', 'INVALID_IMAGE'],
])('%j is %s', async (message, code) => {
  await expect(decoded(() => Promise.reject(new Error(message)))).rejects.toMatchObject({ code });
});

test('what sharp throws at once for an option is the fault of the image', async () => {
  const refused = decoded(() => {
    throw new Error('Expected integer between -1 and 100000 for pages');
  });
  await expect(refused).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
});

test('an image of more frames than sharp takes is refused', async () => {
  const { bytes } = await transcode(
    generateImage({ pattern: 'bars', width: 1, height: 1, seed: '1', index: 0 }),
    'gif',
  );
  const start = bytes.indexOf(0x2c, 13);
  const frame = bytes.subarray(start, -1);
  const many = Buffer.concat([
    bytes.subarray(0, start),
    Buffer.alloc(100_001 * frame.length, frame),
    Buffer.of(0x3b),
  ]);
  const refused = transcode({ mediaType: 'image/gif', bytes: many }, 'webp');
  await expect(refused).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    message: '100001 frames exceed the limit of 100000',
  });
});
