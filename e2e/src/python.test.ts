import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesOf } from '@image-stream/codec';
import { generateImage } from '@image-stream/image-io';
import { expect, test } from 'vitest';
import { filesIn, pixelsOf, temporaryFolder } from './files.test-support.ts';
import { createTopic, receive, send, uniqueName } from './kafka.test-support.ts';
import { succeed } from './programs.test-support.ts';

const vectors = new URL('../../packages/codec/vectors/', import.meta.url);
const expected: Record<string, { value_file: string; pixels_sha256: string; shape: number[] }> = JSON.parse(
  readFileSync(new URL('expected.json', vectors), 'utf8'),
);

test('messages of the Python application are saved with its pixels, ids and dates', async () => {
  const topic = await createTopic();
  const output = temporaryFolder();
  for (const { value_file } of Object.values(expected)) {
    await send(topic, { key: uniqueName(), value: readFileSync(new URL(value_file, vectors)) });
  }

  await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);

  const paths = {
    gradient: 'customer=customer-0/date=2024-06-10/00000000-0000-4000-8000-000000000000.png',
    blocks: 'customer=customer-1/date=2024-06-11/00000000-0000-4000-8000-000000000001.png',
  };
  expect(filesIn(output)).toEqual(Object.values(paths));
  for (const [name, path] of Object.entries(paths)) {
    const { shape, data } = await pixelsOf(join(output, path));
    expect(shape).toEqual(expected[name]!.shape);
    expect(sha256(data)).toBe(expected[name]!.pixels_sha256);
  }
});

/** What the Python application's consumer does with a value, short of saving it. */
const pythonConsumer = `
import base64, datetime, hashlib, json, sys, zlib
message = json.loads(sys.stdin.buffer.read().decode("utf-8"))
pixels = zlib.decompress(base64.b64decode(message["data"]))
datetime.datetime.fromtimestamp(message["creation_time"])
print(json.dumps({
    "customer_id": message["customer_id"],
    "array_id": message["array_id"],
    "bytes": len(pixels),
    "sha256": hashlib.sha256(pixels).hexdigest(),
}))
`;
const hasPython = spawnSync('python3', ['--version']).status === 0;

test.skipIf(!hasPython).each(['noise', 'rings'] as const)(
  'Python reads what --format python-json writes: %s',
  async (pattern) => {
    const topic = uniqueName();
    await succeed('producer', [
      ...['-n', '2', '-t', topic, '-cid', 'café', '--format', 'python-json'],
      ...['--pattern', pattern, '--seed', 'python'],
    ]);

    const records = await receive(topic, 2);

    // Two images are on their way at once, and either can arrive first.
    const read = records.map(({ key, value }) => {
      const { stdout, stderr } = spawnSync('python3', ['-c', pythonConsumer], { input: value! });
      expect(stderr.toString()).toBe('');
      expect(key!.toString()).toMatch(/^[0-9a-f-]{36}$/);
      return JSON.parse(stdout.toString());
    });
    const sent = [0, 1].map((index) =>
      sha256(bytesOf(generateImage({ pattern, width: 1080, height: 1920, seed: 'python', index }))),
    );
    expect(new Set(read.map((message) => message.sha256))).toEqual(new Set(sent));
    expect(read.map((message) => [message.customer_id, message.bytes])).toEqual([
      ['café', 1920 * 1080 * 3],
      ['café', 1920 * 1080 * 3],
    ]);
  },
);

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
