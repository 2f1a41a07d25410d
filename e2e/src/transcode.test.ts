import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Metadata } from 'sharp';
import { describe, expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopic, uniqueName } from './kafka.test-support.ts';
import { start, succeed } from './programs.test-support.ts';

/** A 16-bit TIFF that travels in chunks, and a JPEG that has to be turned. */
async function pictures(): Promise<string> {
  const folder = temporaryFolder();
  const deep = Uint16Array.from({ length: 700 * 500 * 3 }, (_one, index) => (index * 99_991) % 65_536);
  await sharp(deep, { raw: { width: 700, height: 500, channels: 3 } })
    .toColourspace('rgb16')
    .tiff({ compression: 'none' })
    .toFile(join(folder, 'scan.tif'));
  await sharp({ create: { width: 640, height: 480, channels: 3, background: 'teal' } })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toFile(join(folder, 'photo.jpg'));
  return folder;
}

async function roundTrip(producer: string[], consumer: string[]): Promise<Record<string, Metadata>> {
  const topic = await createTopic(1, '1048588');
  const output = join(temporaryFolder(), 'output');
  await succeed('producer', [await pictures(), '-t', topic, ...producer]);
  // Once more: what is there is recognised.
  for (const counts of [
    { images: 2, skipped: 0 },
    { images: 0, skipped: 2 },
  ]) {
    const args = ['-t', topic, '-gid', uniqueName(), '-o', output, '--exit-at-end', ...consumer];
    expect(await succeed('consumer', args)).toMatchObject({ ...counts, failed: 0 });
  }
  const files = filesIn(output).map(async (file) => [
    file.replace(/^.*\/(\w+)-.*(\.\w+)$/, '$1$2'),
    await sharp(readFileSync(join(output, file))).metadata(),
  ]);
  return Object.fromEntries(await Promise.all(files)) as Record<string, Metadata>;
}

describe('an image that is asked for in another encoding', () => {
  test.each([
    ['the producer', ['--encoding', 'png'], []],
    ['the consumer', [], ['--save-as', 'png']],
  ])('is re-encoded by %s, upright and with its depth', async (_who, producer, consumer) => {
    expect(await roundTrip(producer, consumer)).toMatchObject({
      'photo.png': { width: 480, height: 640 },
      'scan.png': { width: 700, height: 500, depth: 'ushort' },
    });
  });

  test.each([
    ['the producer', ['--resize', '320x320'], []],
    ['the consumer', [], ['--resize', '320x320']],
  ])('is shrunk by %s in the encoding that it has', async (_who, producer, consumer) => {
    expect(await roundTrip(producer, consumer)).toMatchObject({
      'photo.jpg': { width: 240, height: 320, format: 'jpeg' },
      'scan.tif': { width: 320, height: 229, format: 'tiff', depth: 'ushort' },
    });
  });

  test('is not sent where the encoding has no room for it, and the reason names one that has', async () => {
    const folder = await pictures();
    writeFileSync(join(folder, 'a.txt'), '');
    const ended = await start('producer', [folder, '-t', await createTopic(), '--encoding', 'webp']).ended;
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain(
      'scan.tif was not sent: image has 16 bits a channel, webp holds 8; use png, tiff or npy',
    );
  });
});
