import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bytesOf } from '@image-stream/codec';
import { generateImage } from '@image-stream/image-io';
import type { Pattern } from '@image-stream/image-io';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { filesIn, pixelsOf, temporaryFolder } from './files.test-support.ts';
import { receive, send, uniqueName } from './kafka.test-support.ts';
import { succeed } from './programs.test-support.ts';

describe('generated images arrive with the same pixels', () => {
  test.each([
    ['noise', ['--encoding', 'png']],
    ['mandelbrot', []],
    ['bars', ['--encoding', 'npy']],
    ['noise', ['--encoding', 'npy', '--compression', 'none']],
    ['gradient', ['--encoding', 'npy', '--compression', 'deflate']],
    ['checkerboard', ['--encoding', 'npy', '--compression', 'auto']],
    ['noise', ['--format', 'python-json']],
    ['rings', ['--format', 'python-json']],
  ] satisfies [Pattern, string[]][])('%s with %j', async (pattern, args) => {
    const topic = uniqueName();
    const output = temporaryFolder();
    const wanted = ['-n', '3', '--pattern', pattern, '--seed', 'seven', '--width', '321', '--height', '123'];

    const sent = await succeed('producer', ['-t', topic, '-cid', 'lab', ...wanted, ...args]);
    const saved = await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);

    expect(sent).toMatchObject({ images: 3, failed: 0 });
    expect(saved).toMatchObject({ images: 3, failed: 0, skipped: 0, wireBytes: sent.wireBytes });
    // Ids are UUIDv7, so that their order is that of their creation.
    const files = filesIn(output);
    expect(files).toHaveLength(3);
    for (const [index, file] of files.entries()) {
      const expected = generateImage({ pattern, width: 321, height: 123, seed: 'seven', index });
      const actual = await pixelsOf(join(output, file));
      expect(actual.shape).toEqual(expected.shape);
      expect(actual.data.equals(bytesOf(expected))).toBe(true);
      expect(file).toMatch(/^customer=lab\/date=\d{4}-\d\d-\d\d\/[0-9a-f-]{36}\.png$/);
    }
  });
});

describe('encoded images are saved as they were sent', () => {
  test.each(['jpeg', 'webp', 'avif'] as const)('%s', async (encoding) => {
    const topic = uniqueName();
    const output = temporaryFolder();
    const size = ['--width', '64', '--height', '48'];
    await succeed('producer', [
      '-n',
      '1',
      '-t',
      topic,
      '--encoding',
      encoding,
      '--pattern',
      'rings',
      ...size,
    ]);
    await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);

    const [record] = await receive(topic, 1);
    const [file] = filesIn(output);

    const bytes = readFileSync(join(output, file!));
    expect(bytes.equals(record!.value!)).toBe(true);
    expect(String(record!.headers['content-type'])).toBe(`image/${encoding}`);
    expect(String(record!.headers['ce_payloadsha256'])).toBe(sha256(bytes));
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 64, height: 48 });
  });
});

test('a plain image of another program is saved as it is', async () => {
  const topic = uniqueName();
  const output = temporaryFolder();
  const photo = await sharp({ create: { width: 9, height: 7, channels: 3, background: 'teal' } })
    .jpeg()
    .toBuffer();
  const timestamp = String(Date.parse('2024-02-29T23:59:59.999Z'));
  await succeed('producer', ['-n', '1', '-t', topic, '--width', '8', '--height', '8']);
  await send(topic, { key: 'door', value: photo, timestamp, headers: { customer_id: 'gate 1' } });
  await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);

  const file = filesIn(output).find((path) => path.endsWith('.jpg'))!;

  expect(file).toBe(join('customer=gate%201', 'date=2024-02-29', 'door-0-1.jpg'));
  expect(readFileSync(join(output, file)).equals(photo)).toBe(true);
});

test('--save-as writes another encoding, and its extension', async () => {
  const topic = uniqueName();
  const size = ['--width', '40', '--height', '30'];
  await succeed('producer', ['-n', '2', '-t', topic, '--pattern', 'bars', ...size]);
  for (const [saveAs, extension, format] of [
    ['webp', '.webp', 'webp'],
    ['jpeg', '.jpg', 'jpeg'],
    ['avif', '.avif', 'heif'],
  ] as const) {
    const output = temporaryFolder();
    const group = ['-gid', `${topic}-${saveAs}`];
    await succeed('consumer', ['-t', topic, ...group, '-o', output, '--exit-at-end', '--save-as', saveAs]);

    const files = filesIn(output);

    expect(files.map((file) => basename(file).slice(36))).toEqual([extension, extension]);
    expect(await sharp(join(output, files[0]!)).metadata()).toMatchObject({ format, width: 40, height: 30 });
  }
});

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
