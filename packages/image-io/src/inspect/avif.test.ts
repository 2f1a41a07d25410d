import { byteSource } from '@image-stream/codec';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { inspectImage } from '../index.ts';
import { box, longs } from './boxes.test-support.ts';

const inspect = (file: Buffer): ReturnType<typeof inspectImage> => inspectImage(byteSource(file));

const still = (): Promise<Buffer> =>
  sharp({
    create: { width: 30, height: 20, channels: 3, background: 'red', noise: { type: 'gaussian', sigma: 60 } },
  })
    .avif({ effort: 0 })
    .toBuffer();

/** With data up to the end of the file, as an editor writes it. */
async function openEnded(): Promise<Buffer> {
  const file = await still();
  file.writeUInt32BE(0, file.indexOf('mdat') - 4);
  return file;
}

/** A track of samples of 10 bytes from byte 40 on, two in each chunk. */
function track(kind: string, side: number, sizes: readonly number[]): Buffer {
  const places = Array.from({ length: Math.ceil(sizes.length / 2) }, (_one, chunk) => 40 + 20 * chunk);
  return box(
    'trak',
    box('tkhd', Buffer.alloc(76), [side * 65_536, side * 65_536]),
    box(
      'mdia',
      box('hdlr', [0, 0], Buffer.from(kind), Buffer.alloc(13)),
      box(
        'minf',
        box(
          'stbl',
          box('stsz', [0, 0, sizes.length, ...sizes]),
          box('stsc', [0, 1, 1, 2, 1]),
          box('stco', [0, places.length, ...places]),
        ),
      ),
    ),
  );
}

/** A sequence whose data is before what says where it is, or behind. */
function sequence(frames: number, dataBytes: number): Buffer {
  const samples = Array.from({ length: frames }, () => 10);
  const sound = Array.from({ length: 5 }, () => 1);
  const type = box('ftyp', Buffer.from('avis\0\0\0\0avismsf1miaf'));
  const data = box('mdat', Buffer.alloc(dataBytes));
  return Buffer.concat([type, data, box('moov', track('soun', 0, sound), track('pict', 20, samples))]);
}

describe('taken, as decoders do', () => {
  test.each<[string, (file: Buffer) => Buffer]>([
    ['text after the last box', (file) => Buffer.concat([file, Buffer.from('text')])],
    ['NULs after the last box', (file) => Buffer.concat([file, Buffer.alloc(100)])],
    ['a last box that is cut off', (file) => Buffer.concat([file, longs([1000]), Buffer.from('free')])],
    [
      'another first brand',
      (file) => Buffer.concat([file.subarray(0, 8), Buffer.from('mif1'), file.subarray(12)]),
    ],
  ])('%s', async (_what, edit) => {
    expect(await inspect(edit(await still()))).toEqual({
      mediaType: 'image/avif',
      width: 30,
      height: 20,
      frames: 1,
    });
  });

  test('data that goes on to the end of the file', async () => {
    expect(await inspect(await openEnded())).toMatchObject({ width: 30, height: 20 });
  });
});

test('data that goes on to the end of the file is refused wherever it is cut off', async () => {
  const file = await openEnded();
  for (let length = 0; length < file.length; length += 3) {
    const cut = inspect(file.subarray(0, length));
    await expect(cut, `at ${length} of ${file.length}`).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
  }
});

describe('a sequence', () => {
  test('has as many frames as its pictures, whatever else is in it', async () => {
    expect(await inspect(sequence(3, 40))).toMatchObject({ width: 20, height: 20, frames: 3 });
  });

  test('is refused where samples lie outside', async () => {
    await expect(inspect(sequence(400, 40))).rejects.toThrow('cut off');
  });
});
