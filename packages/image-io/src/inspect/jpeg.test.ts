import { byteSource } from '@image-stream/codec';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { inspectImage } from '../index.ts';
import { pair, picture, segment } from './jpeg.test-support.ts';

const inspect = (file: Buffer): ReturnType<typeof inspectImage> => inspectImage(byteSource(file));

describe('two pictures', () => {
  test('are one image, with the dimensions of the first', async () => {
    expect(await inspect((await pair()).file)).toMatchObject({ width: 30, height: 30, frames: 1 });
  });

  test('are refused wherever the second is cut off', async () => {
    const { file, firstBytes } = await pair();
    for (let length = 3; length < file.length; length++) {
      const outcome = await inspect(file.subarray(0, length)).catch((error: Error) => error.message);
      if (length === firstBytes) {
        // As programs leave it that take the second one away.
        expect(outcome).toMatchObject({ width: 30 });
      } else {
        expect(outcome, `at ${length} of ${file.length}`).toContain('cut off');
      }
    }
  });

  test('are taken where the first says wrongly where the second is', async () => {
    expect(await inspect((await pair(3, -5)).file)).toMatchObject({ width: 30 });
  });
});

describe('refused, as decoders do', () => {
  test.each<[string, (file: Buffer) => Buffer, string]>([
    ['a reserved marker', (file) => inserted(file, segment(0x02, Buffer.from('x'))), 'marker ff02'],
    ['a second start', (file) => inserted(file, Buffer.of(0xff, 0xd8)), 'marker ffd8'],
    ['no quantization table', withoutQuantization, 'no quantization table'],
  ])('%s', async (_what, edit, message) => {
    const file = edit(await picture(16));
    await expect(inspect(file)).rejects.toThrow(message);
    await expect(sharp(file, { failOn: 'error' }).raw().toBuffer()).rejects.toThrow(/./);
  });

  function inserted(file: Buffer, bytes: Buffer): Buffer {
    return Buffer.concat([file.subarray(0, 2), bytes, file.subarray(2)]);
  }

  function withoutQuantization(file: Buffer): Buffer {
    for (let at = file.indexOf(Buffer.of(0xff, 0xdb)); at >= 0; at = file.indexOf(Buffer.of(0xff, 0xdb))) {
      file[at + 1] = 0xe9;
    }
    return file;
  }
});

test('a segment whose length is off by some bytes is taken', async () => {
  const file = await picture(16);
  for (const off of [-3, -1, 1, 2]) {
    const app = segment(0xe5, Buffer.alloc(10));
    app.writeUInt16BE(12 + off, 2);
    const odd = Buffer.concat([file.subarray(0, 2), app, Buffer.alloc(Math.max(0, off)), file.subarray(2)]);
    expect(await inspect(odd)).toMatchObject({ width: 16 });
  }
});
