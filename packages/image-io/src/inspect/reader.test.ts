import { setImmediate } from 'node:timers/promises';
import { byteSource } from '@image-stream/codec';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { inspectImage } from '../index.ts';
import { box } from './boxes.test-support.ts';
import { tiff } from './tiff.test-support.ts';

const megabyte = 1024 ** 2;

const made = (format: 'jpeg' | 'gif' | 'png' | 'webp'): Promise<Buffer> =>
  sharp({ create: { width: 30, height: 20, channels: 3, background: 'red' } })
    .toFormat(format)
    .toBuffer();

const of = (...bytes: number[]): Buffer =>
  Buffer.alloc(megabyte - (megabyte % bytes.length), Buffer.from(bytes));

/** Files that consist of as many parts as there is room for. */
const hostile: Record<string, () => Promise<Buffer>> = {
  'JPEG of fill bytes': async () => inserted(await made('jpeg'), 2, of(0xff)),
  'JPEG of restarts': async () => inserted(await made('jpeg'), 2, of(0xff, 0xd0)),
  'JPEG of empty segments': async () => inserted(await made('jpeg'), 2, of(0xff, 0xfe, 0, 2)),
  'JPEG of stuffed bytes': async () => inserted(await made('jpeg'), -2, of(0xff, 0)),
  'GIF of NULs': async () => inserted(await made('gif'), -1, of(0)),
  'GIF of sub-blocks of one byte': async () => inserted(await made('gif'), -2, of(1, 7)),
  'GIF of empty extensions': async () => inserted(await made('gif'), -1, of(0x21, 0xfe, 0)),
  'GIF of empty frames': async () =>
    inserted(await made('gif'), -1, of(0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 0)),
  'PNG of empty chunks': async () =>
    inserted(await made('png'), 33, of(0, 0, 0, 0, 0x74, 0x45, 0x58, 0x74, 0, 0, 0, 0)),
  'WebP of empty chunks': async () => {
    const file = inserted(await made('webp'), 12, of(0x4a, 0x55, 0x4e, 0x4b, 0, 0, 0, 0));
    file.writeUInt32LE(file.length - 8, 4);
    return file;
  },
  'TIFF whose directories share a table': async () => tiff(manyPages({ strips: 50_000, pages: 1000 })),
  'AVIF of samples in one chunk': async () => sequence(1, megabyte / 4),
  'AVIF of chunks of one sample': async () => sequence(megabyte / 8, megabyte / 8),
  'TIFF of small directories, from back to front': async () =>
    tiff(manyPages({ strips: 1, pages: 15_000 }), 'backwards'),
};

function sequence(chunks: number, samples: number): Buffer {
  const type = box('ftyp', Buffer.from('avis\0\0\0\0avis'));
  const sizes = Array.from({ length: samples }, () => 1);
  const places = Array.from({ length: chunks }, () => 8);
  const tables = box(
    'stbl',
    box('stsz', [0, 0, samples, ...sizes]),
    box('stsc', [0, 1, 1, samples / chunks, 1]),
    box('stco', [0, chunks, ...places]),
  );
  const media = box('mdia', box('hdlr', [0, 0], Buffer.from('pict')), box('minf', tables));
  return Buffer.concat([type, box('moov', box('trak', box('tkhd', Buffer.alloc(84, 1)), media))]);
}

function inserted(file: Buffer, at: number, bytes: Buffer): Buffer {
  return Buffer.concat([file.subarray(0, at), bytes, file.subarray(at)]);
}

function manyPages({ strips, pages }: { strips: number; pages: number }) {
  const table = Array.from({ length: strips }, () => 1);
  const page = { 256: 1, 257: strips, 278: 1, 273: table, 279: table, 259: 5 };
  return Array.from({ length: pages }, () => page);
}

describe.each(Object.entries(hostile))('a %s', (_what, make) => {
  test('is read once, and lets other events run meanwhile', async () => {
    const file = await make();
    const source = byteSource(file);
    let readBytes = 0;
    let turns = 0;
    const inspection = new AbortController();
    const others = (async () => {
      for (; !inspection.signal.aborted; turns++) {
        await setImmediate();
      }
    })();
    await inspectImage({
      ...source,
      read: (start, end) => {
        readBytes += end - start;
        return source.read(start, end);
      },
    }).catch(() => {});
    inspection.abort();
    await others;
    expect(turns).toBeGreaterThanOrEqual(file.length / 65_536);
    expect(readBytes).toBeLessThan(5 * file.length);
  });
});

test('a TIFF whose directories share one table of strips is refused before all of them are read', async () => {
  const file = tiff(manyPages({ strips: 1000, pages: 1000 }));
  await expect(inspectImage(byteSource(file))).rejects.toThrow('the same bytes again and again');
});

test('a TIFF with more pictures below a page than any file has is refused before they are listed', async () => {
  const file = tiff([{ 256: 1, 257: 1, 273: 8, 330: Array.from({ length: 70_000 }, () => 8) }]);
  await expect(inspectImage(byteSource(file))).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    message: 'TIFF file has more than 65536 directories',
  });
});
