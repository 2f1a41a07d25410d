import { randomBytes } from 'node:crypto';
import { refuse } from '@image-stream/local-s3';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopic } from './kafka.test-support.ts';
import { hashesOf, sha256Of } from './ledger.test-support.ts';
import { start, succeed, summaryOf } from './programs.test-support.ts';
import { disturbedS3, s3Environment, s3Folder } from './s3.test-support.ts';

const picture = (side = 8): Promise<Buffer> =>
  sharp(randomBytes(3 * side * side), { raw: { width: side, height: side, channels: 3 } })
    .png({ compressionLevel: 0 })
    .toBuffer();

async function produce(
  topic: string,
  args: readonly string[],
  environment: Record<string, string> = s3Environment,
) {
  const { exitCode, stdout, stderr } = await start('producer', ['-t', topic, ...args, '--json'], environment)
    .ended;
  return { exitCode, stderr, summary: summaryOf(stdout) };
}

async function saved(topic: string): Promise<{ output: string; files: string[] }> {
  const output = temporaryFolder();
  await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);
  return { output, files: filesIn(output) };
}

test('what is below a prefix is sent as a folder is: what is hidden or unfinished is not, and other folders with --recursive', async () => {
  const folder = s3Folder();
  const images = new Map<string, Buffer>();
  for (const key of ['a.png', 'gate 1/b.png', 'gate 1/é&=+.png', 'c?#%2F.png']) {
    images.set(key, await picture());
    await folder.put(key, images.get(key)!);
  }
  for (const key of ['.hidden/x.png', '.x.png', 'half.png.part', 'gate 1/']) {
    await folder.put(key, await picture());
  }
  const topic = await createTopic(2, '100000');
  const flat = await produce(topic, [`${folder.url}/`, '-cid', 'flat']);
  expect(flat).toMatchObject({ exitCode: 0, summary: { images: 2 } });
  expect(flat.stderr).toContain('1 object skipped');

  const deep = await produce(topic, [
    folder.url,
    '--recursive',
    '--customer-from-path',
    '(?<customer>[^/]+)/',
  ]);
  expect(deep).toMatchObject({ exitCode: 1, summary: { images: 2, failed: 2 } });
  expect(deep.stderr).toContain('a.png');

  const { output, files } = await saved(topic);
  expect(files.map((file) => file.replace(/date=[\d-]+/, 'date=DAY').replace(/-[0-9a-f]{24}/, ''))).toEqual([
    'customer=flat/date=DAY/a.png',
    'customer=flat/date=DAY/c%3F%23%252F.png',
    'customer=gate%201/date=DAY/%C3%A9%26%3D%2B.png',
    'customer=gate%201/date=DAY/b.png',
  ]);
  expect(hashesOf(output)).toEqual([...images.values()].map(sha256Of).toSorted());
});

test('an object of any size is one image, the same one when it is sent again', async () => {
  const folder = s3Folder();
  const bytes = await picture(2600);
  expect(bytes.length).toBeGreaterThan(20_000_000);
  await folder.put('scan.png', bytes);
  const topic = await createTopic(1, '1000000');
  for (let time = 0; time < 2; time++) {
    const sent = await produce(topic, [`${folder.url}/scan.png`]);
    expect(sent).toMatchObject({ exitCode: 0, summary: { images: 1 } });
  }
  const { output, files } = await saved(topic);
  expect(files).toHaveLength(1);
  expect(hashesOf(output)).toEqual([sha256Of(bytes)]);
});

test.each([
  ['no such key', 'nothing/', /no object to send whose key begins with '/],
  ['only folders', '', /no object in it, but 1 folder; --recursive includes them/],
])('%s is said', async (_what, below, message) => {
  const folder = s3Folder();
  await folder.put('deep/a.png', await picture());
  const { exitCode, stderr } = await produce(await createTopic(), [`${folder.url}/${below}`]);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(message);
});

test('what the store refuses, and what is no image, is said in a line, and what follows is sent', async () => {
  const folder = s3Folder();
  await folder.put('a.png', await picture());
  await folder.put('b.png', Buffer.from('no image'));
  const topic = await createTopic();
  const sent = await produce(topic, ['s3://no-such-bucket/x/', `${folder.url}/`]);
  expect(sent).toMatchObject({ exitCode: 1, summary: { images: 1 } });
  expect(sent.stderr).toContain("there is no bucket 'no-such-bucket'");
  expect(sent.stderr).toContain('/b.png');

  const badLogin = { ...s3Environment, AWS_SECRET_ACCESS_KEY: 'wrong' };
  const refused = await produce(topic, [`${folder.url}/`], badLogin);
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain('refuses the credentials (SignatureDoesNotMatch)');
});

test('answers that fail once are asked for again', async () => {
  const folder = s3Folder();
  for (let index = 0; index < 20; index++) {
    await folder.put(`${index}.png`, await picture());
  }
  let requests = 0;
  const environment = await disturbedS3((_incoming, response) => {
    requests += 1;
    return requests % 4 === 0 ? refuse(response, 503, 'SlowDown') : 'pass';
  });
  const sent = await produce(await createTopic(), [`${folder.url}/`], environment);
  expect(sent).toMatchObject({ exitCode: 0, summary: { images: 20 } });
});
