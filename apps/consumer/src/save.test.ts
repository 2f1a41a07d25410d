import { createHash } from 'node:crypto';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { DecodedImage } from '@image-stream/codec';
import { generateImage, madeFromSha256, transcode, withMadeFrom } from '@image-stream/image-io';
import { openDirectory } from '@image-stream/storage';
import type { Sink } from '@image-stream/storage';
import { beforeEach, describe, expect, test } from 'vitest';
import { isSaved, saveImage } from './save.ts';
import type { SaveOptions } from './save.ts';

const attributes = { id: 'a', customerId: 'c', createdAt: new Date('2026-01-31T12:00:00Z') };
const pixels = (seed: string) => generateImage({ pattern: 'rings', width: 60, height: 40, seed, index: 0 });

let output: string;
let options: SaveOptions;
beforeEach(async () => {
  output = await mkdtemp(join(tmpdir(), 'save-'));
  const { sink, workspace } = await openDirectory(output);
  const rule = { saveAs: 'original', timeZone: 'UTC', resize: undefined } as const;
  options = { sink, workspace, ...rule, overwrite: false };
  return async () => {
    await workspace.close();
    await rm(output, { recursive: true });
  };
});

async function save(image: Partial<DecodedImage>, changed: Partial<SaveOptions> = {}): Promise<string> {
  const content = image.content ?? (await transcode(pixels('one'), 'png'));
  const saved = await saveImage({ ...attributes, content, ...image }, { ...options, ...changed });
  await saved.accepted.durable();
  return saved.how;
}

/** A chunk `tEXt` of a PNG file, with an empty text. */
const textChunk = ((): Buffer => {
  const typeAndData = Buffer.from('tEXtComment\0');
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(typeAndData.length - 4);
  checksum.writeUInt32BE(crc32(typeAndData));
  return Buffer.concat([length, typeAndData, checksum]);
})();

const fileOf = (extension: string): string => join(output, `customer=c/date=2026-01-31/a.${extension}`);

describe.each(['jpeg', 'webp', 'avif', 'gif'] as const)('saved as %s', (saveAs) => {
  const extension = saveAs === 'jpeg' ? 'jpg' : saveAs;

  test('the same image is there, also when another release has encoded it', async () => {
    const content = pixels('one');
    expect(await save({ content }, { saveAs })).toBe('written');
    expect(await save({ content }, { saveAs })).toBe('exists');
    // The same source, in other bytes.
    const other = withMadeFrom(
      await transcode(content, saveAs, { quality: 70 }).catch(() => transcode(pixels('other'), saveAs)),
      await madeFromSha256(content),
    );
    writeFileSync(fileOf(extension), other.bytes);
    expect(await save({ content }, { saveAs })).toBe('exists');
    expect(readFileSync(fileOf(extension))).toEqual(Buffer.from(other.bytes));
  });

  test('the same image in another size is another one', async () => {
    const content = pixels('one');
    await save({ content }, { saveAs, resize: { width: 30, height: 30 } });
    const wanted = { saveAs, resize: { width: 40, height: 40 } };
    await expect(save({ content }, wanted)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await save({ content }, { ...wanted, overwrite: true })).toBe('replaced');
    expect(await save({ content }, wanted)).toBe('exists');
    // What fits is not made smaller, and stays the same.
    const large = { ...wanted, resize: { width: 100, height: 100 }, overwrite: true };
    expect(await save({ content }, large)).toBe('replaced');
    expect(await save({ content }, { saveAs })).toBe('exists');
  });

  test('another image of the same id is a conflict, and replaces it when it may', async () => {
    await save({ content: pixels('one') }, { saveAs });
    const first = readFileSync(fileOf(extension));
    await expect(save({ content: pixels('other') }, { saveAs })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(readFileSync(fileOf(extension))).toEqual(first);
    expect(await save({ content: pixels('other') }, { saveAs, overwrite: true })).toBe('replaced');
    expect(readFileSync(fileOf(extension))).not.toEqual(first);
  });

  test('a damaged file is not taken for the image', async () => {
    await save({ content: pixels('one') }, { saveAs });
    const damaged = readFileSync(fileOf(extension));
    damaged[damaged.length >> 1]! ^= 1;
    writeFileSync(fileOf(extension), damaged);
    await expect(save({ content: pixels('one') }, { saveAs })).rejects.toMatchObject({ code: 'CONFLICT' });
  });
});

test('what was re-encoded without loss is the same by its pixels', async () => {
  const content = pixels('one');
  await save({ content });
  // As another release might write it: with a remark of its own.
  const file = readFileSync(fileOf('png'));
  writeFileSync(fileOf('png'), Buffer.concat([file.subarray(0, -12), textChunk, file.subarray(-12)]));
  expect(await save({ content })).toBe('exists');
  writeFileSync(fileOf('png'), 'no image at all');
  await expect(save({ content })).rejects.toMatchObject({ code: 'CONFLICT' });
});

describe('what stands under the key goes away meanwhile', () => {
  /** The files sink, with something that happens after a call. */
  const sinkWith = (after: Partial<Record<'put' | 'find', () => void>>): Sink => ({
    ...options.sink,
    async put(...args) {
      const accepted = await options.sink.put(...args);
      after.put?.();
      return accepted;
    },
    async find(key) {
      const found = await options.sink.find(key);
      after.find?.();
      return found;
    },
  });

  test.each(['put', 'find'] as const)('after %s: the image is saved', async (call) => {
    const content = await transcode(pixels('one'), 'png');
    await save({ content });
    // Only reading it tells that it is another one.
    writeFileSync(fileOf('png'), Buffer.alloc(content.bytes.length));
    let isGone = false;
    const sink = sinkWith({
      [call]() {
        if (!isGone) {
          isGone = true;
          rmSync(fileOf('png'));
        }
      },
    });
    expect(await save({ content }, { sink })).toBe('written');
    expect(readFileSync(fileOf('png'))).toEqual(Buffer.from(content.bytes));
  });
});

describe('chunks that make no image file', () => {
  // Node.js ends with a failed assertion where so much is read at once.
  test.each([
    [undefined, 'UNSUPPORTED'],
    ['gzip', 'LIMIT_EXCEEDED'],
  ] as const)('of three gigabytes, content encoding %s, are refused', async (contentEncoding, code) => {
    const file = options.workspace.newFile();
    writeFileSync(file, '');
    truncateSync(file, 3 * 1024 ** 3);
    const image = { ...attributes, file, contentEncoding, size: 3 * 1024 ** 3, sha256: '' };
    await expect(saveImage(image, options)).rejects.toMatchObject({ name: 'CodecError', code });
  });

  test('a file that has changed since the image was to be saved is not saved', async () => {
    const { bytes } = await transcode(pixels('one'), 'png');
    const file = options.workspace.newFile();
    writeFileSync(file, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const image = { ...attributes, file, contentEncoding: undefined, size: bytes.length, sha256 };
    const sink: Sink = { ...options.sink, put: () => Promise.reject(new Error('EIO')) };
    await expect(saveImage(image, { ...options, sink })).rejects.toThrow('EIO');
    writeFileSync(file, Buffer.alloc(bytes.length));
    await expect(saveImage(image, options)).rejects.toMatchObject({ name: 'StorageError', code: 'GONE' });
  });
});

test('an image that is there counts as saved once it is durable', async () => {
  const { bytes } = await transcode(pixels('one'), 'png');
  await save({ content: { mediaType: 'image/png', bytes } });
  const calls: string[] = [];
  const sink: Sink = {
    ...options.sink,
    async find(key) {
      const found = await options.sink.find(key);
      return (
        found && {
          ...found,
          async durable() {
            calls.push('durable');
            await found.durable();
          },
        }
      );
    },
  };
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const chunk = { ...attributes, size: bytes.length, sha256, mediaType: 'image/png' };
  expect(await isSaved(chunk, { ...options, sink })).toBe(true);
  expect(calls).toEqual(['durable']);
  expect(await isSaved({ ...chunk, sha256: '0'.repeat(64) }, { ...options, sink })).toBe(false);
});
