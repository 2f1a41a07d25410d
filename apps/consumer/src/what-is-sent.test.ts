import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  byteSource,
  decodeRecord,
  encodeImage,
  encodeNpy,
  npyMediaType,
  pixelArray,
} from '@image-stream/codec';
import type { Image, Shape } from '@image-stream/codec';
import { encodings, generateImage, ImageIoError, inspectImage, transcode } from '@image-stream/image-io';
import { openDirectory } from '@image-stream/storage';
import type { Sink, Workspace } from '@image-stream/storage';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { saveImage } from './save.ts';
import { checkFile } from './verify/check.ts';
import { expectFile } from './verify/expect.ts';

/** What the consumer does unless it is told otherwise. */
const rule = { saveAs: 'original', timeZone: 'UTC', resize: undefined } as const;
let output: string;
let directory: { readonly sink: Sink; readonly workspace: Workspace };
beforeAll(async () => {
  output = await mkdtemp(join(tmpdir(), 'what-is-sent-'));
  directory = await openDirectory(output);
});
afterAll(async () => {
  await directory.workspace.close();
  await rm(output, { recursive: true });
});

let count = 0;

/** Sends an image to the consumer as the producer does. @returns where it is then */
async function sendAndSave(content: Image['content']): Promise<string> {
  count += 1;
  const attributes = { id: `image-${count}`, customerId: 'c', createdAt: new Date('2026-01-31T12:00:00Z') };
  let path = '';
  for await (const record of encodeImage({ ...attributes, content })) {
    const place = { topic: 't', partition: 0, offset: '0', timestamp: '0', batchError: undefined };
    const decoded = await decodeRecord({ ...place, ...record, key: Buffer.from(record.key) });
    if (decoded.kind !== 'image') {
      throw new Error(`a ${decoded.kind}`);
    }
    const saved = await saveImage(decoded.image, { ...directory, ...rule, overwrite: false });
    await saved.accepted.durable();
    const { stem, extension, ...expected } = await expectFile(decoded, rule);
    path = `${stem}.${extension}`;
    expect(await checkFile(directory.sink, path, expected, {}, () => {})).toBe('same');
  }
  return path;
}

const shapes: Shape[] = [
  ...([1, 2, 3, 4, 5, 6, 13, 1000] as const).map((channels) => [3, 2, channels] as const),
  [1, 1],
  [65_536, 1],
  [1, 1_000_001, 3],
];

test.each(shapes.flatMap((shape) => [[shape, 'uint8'] as const, [shape, 'uint16'] as const]))(
  'NPY of shape %j and %s, which the producer takes, the consumer saves',
  async (shape, dtype) => {
    const bytes = shape.reduce((product, length) => product * length, dtype === 'uint8' ? 1 : 2);
    const pixels = pixelArray(shape, dtype, Buffer.alloc(bytes, 7));
    const npy = encodeNpy(pixels);
    await inspectImage(byteSource(npy));
    const extension = (shape[2] ?? 1) > 4 ? 'npy' : 'png';
    expect(await sendAndSave({ mediaType: npyMediaType, bytes: npy })).toMatch(
      new RegExp(`\\.${extension}$`),
    );
    expect(await sendAndSave(pixels)).toMatch(new RegExp(`\\.${extension}$`));
  },
);

test('the sides that no PNG has are saved as they are', async () => {
  const pixels = pixelArray([1, 100_000_001], 'uint8', Buffer.alloc(100_000_001));
  expect(await sendAndSave(pixels)).toMatch(/\.npy$/);
});

test.each(encodings)('a file in %s, too', async (encoding) => {
  const pixels = generateImage({ pattern: 'rings', width: 30, height: 20, seed: 'a', index: 0 });
  const content = await transcode(pixels, encoding);
  await inspectImage(byteSource(content.bytes));
  await sendAndSave(content);
});

test.each([
  ['as many pixels', [16_383, 16_383], undefined],
  [
    'more pixels',
    [16_383, 16_384],
    /268419072 pixels exceed the limit of 268402689; maxImagePixels raises it/,
  ],
  ['more than a gigabyte', [16_000, 16_000, 5], /1280000000 bytes, more than the limit of 1073741824/],
] as const)(
  'of NPY with %s as the consumer takes, the producer judges the same',
  async (_name, shape, problem) => {
    // Only the header is read of it.
    const start = encodeNpy(pixelArray([1, 1], 'uint8', Buffer.alloc(1))).toString('latin1');
    const header = start.replace('(1, 1)', `(${shape.join(', ')})`).replace(/ +\n.$/s, '');
    const head = Buffer.from(`${header.padEnd(127)}\n`, 'latin1');
    const size = head.length + shape.reduce<number>((product, length) => product * length, 1);
    const source = {
      size,
      read: async (from: number, to: number) =>
        Buffer.concat([head.subarray(from, to), Buffer.alloc(Math.max(0, to - Math.max(from, head.length)))]),
    };
    const judged = await inspectImage(source).then(
      () => 'taken',
      (error: unknown) => (error as ImageIoError).message,
    );
    const place = { topic: 't', partition: 0, offset: '0', timestamp: '0', key: null };
    const received = await decodeRecord({ ...place, value: head }).then(
      () => 'taken',
      (error: unknown) => (error as Error).message,
    );
    expect(judged).toMatch(problem ?? /^taken$/);
    // Without its pixels, it is cut off; that is not said before the limits have taken it.
    expect(received).toMatch(problem ?? /has 128 bytes where its header announces/);
  },
);
