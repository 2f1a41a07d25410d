import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pixelArray } from '@image-stream/codec';
import type { DecodedImage, Shape } from '@image-stream/codec';
import { encodings, generateImage, transcode } from '@image-stream/image-io';
import { openDirectory } from '@image-stream/storage';
import { describe, expect, onTestFinished, test } from 'vitest';
import { saveImage } from '../save.ts';
import { checkFile } from './check.ts';
import { expectFile } from './expect.ts';

type Content = DecodedImage['content'];
const attributes = { id: 'a.b', customerId: 'c', createdAt: new Date('2026-01-31T12:00:00Z') };

/** Pixels of any shape that a file can hold; `seed` makes others. */
function pixels(shape: Shape, dtype: 'uint8' | 'uint16', seed = 1): Content {
  const bytes = shape.reduce<number>((product, length) => product * length, dtype === 'uint8' ? 1 : 2);
  return pixelArray(
    shape,
    dtype,
    Uint8Array.from({ length: bytes }, (_one, index) => (index * 7919 * seed) >> 3),
  );
}
const photo = (seed: string): Content =>
  generateImage({ pattern: 'rings', width: 40, height: 30, seed, index: 0 });

const contents: Record<string, (isOther: boolean) => Promise<Content>> = {
  'grey pixels': async (isOther) => pixels([5, 4], 'uint8', isOther ? 2 : 1),
  'pixels of one channel': async (isOther) => pixels([5, 4, 1], 'uint8', isOther ? 2 : 1),
  'grey pixels with alpha': async (isOther) => pixels([5, 4, 2], 'uint8', isOther ? 2 : 1),
  'RGB pixels': async (isOther) => pixels([5, 4, 3], 'uint8', isOther ? 2 : 1),
  'RGBA pixels of 16 bits': async (isOther) => pixels([5, 4, 4], 'uint16', isOther ? 2 : 1),
  'a PNG': async (isOther) => transcode(photo(isOther ? 'other' : 'one'), 'png'),
  'a JPEG': async (isOther) => transcode(photo(isOther ? 'other' : 'one'), 'jpeg'),
};

describe.each(Object.entries(contents))('%s', (_name, contentOf) => {
  test.each(['original', ...encodings] as const)('as %s is found where it was saved', async (saveAs) => {
    const { options } = await folder(saveAs);
    const content = await contentOf(false);
    const saved = await saveImage({ ...attributes, content }, options).catch((error: Error) => error);
    if (saved instanceof Error) {
      // Not every encoding holds everything.
      expect(saved).toMatchObject({ name: 'ImageIoError', code: 'UNSUPPORTED' });
      return;
    }
    const check = async (isOther: boolean) => {
      const image = { ...attributes, content: await contentOf(isOther) };
      const { stem, extension, ...expected } = await expectFile({ kind: 'image', image }, options);
      expect(stem).toBe('customer=c/date=2026-01-31/a.b');
      return checkFile(options.sink, `${stem}.${extension}`, expected, {}, () => {});
    };
    expect(await check(false)).toBe('same');
    expect(await check(true)).toBe('other');
  });
});

test('what cannot be read is something else, with the reason', async () => {
  const { output, options } = await folder('original');
  const image = { ...attributes, content: await contents['a PNG']!(false) };
  await saveImage(image, options);
  const { stem, extension, ...expected } = await expectFile({ kind: 'image', image }, options);
  const path = `${stem}.${extension}`;
  const problems: string[] = [];
  const check = (other: Partial<typeof expected> = {}) =>
    checkFile(options.sink, path, { ...expected, ...other }, {}, (reason) => problems.push(reason));

  const whole = readFileSync(join(output, path));
  writeFileSync(join(output, path), whole.subarray(0, -20));
  expect(await check()).toBe('other');
  expect(problems).toEqual([]);
  expect(await check({ check: 'existence' })).toBe('other');
  expect(problems).toEqual([expect.stringContaining(`${path}: `)]);
  rmSync(join(output, path));
  expect(await check()).toBe('nothing');
  writeFileSync(join(output, 'elsewhere'), whole);
  symlinkSync(join(output, 'elsewhere'), join(output, path));
  expect(await check()).toBe('other');
  expect(problems.at(-1)).toContain('is not a plain file');
});

async function folder(saveAs: 'original' | (typeof encodings)[number]) {
  const output = mkdtempSync(join(tmpdir(), 'expect-'));
  onTestFinished(() => rmSync(output, { recursive: true }));
  const opened = await openDirectory(output);
  onTestFinished(() => opened.workspace.close());
  return { output, options: { ...opened, saveAs, resize: undefined, timeZone: 'UTC', overwrite: false } };
}
