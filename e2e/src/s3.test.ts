import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { encodeImage } from '@image-stream/codec';
import type { Diagnosis } from '@image-stream/doctor';
import { refuse } from '@image-stream/local-s3';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopic, send } from './kafka.test-support.ts';
import { hashesOf, lag, paintFiles, recordsIn, sendFiles, sha256Of } from './ledger.test-support.ts';
import { bootstrapServers, start, summaryOf } from './programs.test-support.ts';
import { disturbedS3, s3Args, s3Environment, s3Folder } from './s3.test-support.ts';

/** Runs a program that has to succeed with the object store. @returns its summary */
async function succeed(args: readonly string[], environment: Record<string, string> = s3Environment) {
  const { exitCode, stdout } = await start('consumer', [...args, '--json', '--quiet'], environment).ended;
  expect(exitCode).toBe(0);
  return summaryOf(stdout);
}

/** A topic with files in it, some of them in chunks. */
async function sentFiles(small: number, large = 0): Promise<{ topic: string; folder: string }> {
  const folder = temporaryFolder();
  await paintFiles(folder, small);
  await paintFiles(folder, large, 250);
  const topic = await createTopic(2, '100000');
  await sendFiles({ folder, topic, servers: bootstrapServers });
  return { topic, folder };
}

/** Sends an image of an id. */
async function sendImage(topic: string, id: string, customerId = 'c', side = 8): Promise<Buffer> {
  const raw = { width: side, height: side, channels: 3 } as const;
  const bytes = await sharp(randomBytes(3 * side * side), { raw })
    .png()
    .toBuffer();
  const image = { id, customerId, createdAt: new Date('2026-01-31T12:00:00Z') };
  const records = encodeImage(
    { ...image, content: { mediaType: 'image/png', bytes } },
    { maxRecordBytes: 1_000_000 },
  );
  for await (const record of records) {
    await send(topic, record);
  }
  return bytes;
}

test('images of any size are saved once, and verify agrees', async () => {
  const { topic, folder } = await sentFiles(20, 3);
  const output = s3Folder();
  const scratch = temporaryFolder();
  expect(await succeed([...s3Args(topic, output, scratch), '--exit-at-end'])).toMatchObject({ images: 23 });
  expect(await output.hashes()).toEqual(hashesOf(folder));
  expect(await output.uploads()).toBe(0);
  expect((await output.keys()).every((key) => /^customer=[^/]+\/date=[^/]+\/[^/]+\.png$/.test(key))).toBe(
    true,
  );
  // Nothing unfinished is left on the disk either.
  expect(filesIn(scratch)).toEqual([]);
  expect(await lag({ group: topic, topic, servers: bootstrapServers })).toBe(0);

  const verified = await succeed(['verify', '-t', topic, '--output', output.url]);
  expect(verified).toMatchObject({ onDisk: 23, differences: 0 });
  // Another group finds them there.
  const again = [...s3Args(topic, output), '-gid', `${topic}-2`, '--exit-at-end'];
  expect(await succeed(again)).toMatchObject({ images: 0, skipped: 23 });
});

test('an object says what it is', async () => {
  const topic = await createTopic();
  const bytes = await sendImage(topic, 'bild 1 ü', 'küche/süd');
  const output = s3Folder();
  await succeed([...s3Args(topic, output), '--exit-at-end', '--save-as', 'webp', '--resize', '4x4']);
  const [key] = await output.keys();
  expect(key).toBe('customer=k%C3%BCche%2Fs%C3%BCd/date=2026-01-31/bild%201%20%C3%BC.webp');
  const object = await output.read(key!);
  expect(object).toMatchObject({
    contentType: 'image/webp',
    metadata: {
      'image-id': 'bild%201%20%C3%BC',
      'customer-id': 'k%C3%BCche%2Fs%C3%BCd',
      'created-at': '2026-01-31T12:00:00.000Z',
      sha256: sha256Of(bytes),
      'saved-sha256': sha256Of(object.bytes),
    },
  });
  expect(await sharp(object.bytes).metadata()).toMatchObject({ format: 'webp', width: 4 });
  const how = ['--save-as', 'webp', '--resize', '4x4'];
  expect(await succeed(['verify', '-t', topic, '-o', output.url, ...how])).toMatchObject({ differences: 0 });
});

test('another image of the same id is a dead letter, or replaces the first one', async () => {
  const topic = await createTopic();
  const first = await sendImage(topic, 'a');
  const second = await sendImage(topic, 'a');
  const output = s3Folder();
  expect(await succeed([...s3Args(topic, output), '--exit-at-end', '--concurrency', '1'])).toMatchObject({
    images: 1,
    deadLettered: 1,
  });
  const [key] = await output.keys();
  expect((await output.read(key!)).bytes.equals(first)).toBe(true);
  expect(await recordsIn(`${topic}.dead-letter`)).toBe(1);

  const again = [...s3Args(topic, output), '-gid', `${topic}-2`, '--exit-at-end', '--concurrency', '1'];
  await succeed([...again, '--overwrite']);
  expect((await output.read(key!)).bytes.equals(second)).toBe(true);
});

test('verify proves nothing where the store fails', async () => {
  const { topic } = await sentFiles(3);
  const output = s3Folder();
  await succeed([...s3Args(topic, output), '--exit-at-end']);
  const environment = await disturbedS3((incoming, response) =>
    incoming.method === 'GET' && incoming.url!.includes('customer') && !incoming.url!.includes('list-type')
      ? refuse(response, 503, 'SlowDown')
      : 'pass',
  );
  const { exitCode, stderr } = await start('consumer', ['verify', '-t', topic, '-o', output.url], environment)
    .ended;
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(
    /consumer verify: s3:\/\/images\/\S+ at \S+ answers GetObject with SlowDown \(HTTP 503\)/,
  );
});

describe('what does not go away is told in one line within seconds', () => {
  test.each([
    ['no bucket', 's3://missing/x', {}, /there is no bucket 'missing' at s3:\/\/missing\/x at http/],
    [
      'wrong secret',
      's3://images/x',
      { AWS_SECRET_ACCESS_KEY: 'wrong' },
      /refuses the credentials \(SignatureDoesNotMatch\)/,
    ],
    [
      'unknown key',
      's3://images/x',
      { AWS_ACCESS_KEY_ID: 'nobody' },
      /refuses the credentials \(InvalidAccessKeyId\)/,
    ],
    [
      'no credentials',
      's3://images/x',
      { AWS_ACCESS_KEY_ID: '', HOME: '/nonexistent', AWS_EC2_METADATA_DISABLED: 'true' },
      /no credentials for .*set AWS_ACCESS_KEY_ID/,
    ],
    [
      'no region',
      's3://images/x',
      { AWS_ENDPOINT_URL_S3: '', AWS_REGION: '', HOME: '/nonexistent' },
      /--s3-region/,
    ],
  ])('%s', async (_what, url, changed, message) => {
    const topic = await createTopic();
    await send(topic, { value: 'x' });
    const environment = { ...s3Environment, ...changed };
    const scratch = temporaryFolder();
    const args = ['-t', topic, '-o', url, '--scratch-directory', scratch];
    const [{ exitCode, stdout, stderr }, doctor] = await Promise.all([
      start('consumer', args, environment).ended,
      start('consumer', ['doctor', ...args, '--json', '--quiet'], environment).ended,
    ]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(message);
    expect(readdirSync(scratch).flatMap((folder) => readdirSync(join(scratch, folder)))).toEqual([]);

    const { findings } = JSON.parse(doctor.stdout) as Diagnosis;
    const problems = findings.filter(({ status }) => status === 'problem');
    expect(problems.map(({ check }) => check)).toEqual(['output']);
    expect(problems[0]!.seen).toMatch(message);
  });

  test('wrong region, told by the store', async () => {
    const environment = await disturbedS3((_incoming, response) => {
      response.setHeader('x-amz-bucket-region', 'eu-central-1');
      return refuse(response, 301, 'PermanentRedirect');
    });
    const { exitCode, stderr } = await start('consumer', s3Args(await createTopic(), s3Folder()), environment)
      .ended;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/is not in region us-east-1; use --s3-region eu-central-1\n$/);
  });

  test('a store that ignores conditional writes', async () => {
    const environment = await disturbedS3((incoming, response) =>
      incoming.headers['if-none-match'] === undefined ? 'pass' : refuse(response, 501, 'NotImplemented'),
    );
    const output = s3Folder();
    const { exitCode, stderr } = await start('consumer', s3Args(await createTopic(), output), environment)
      .ended;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/refuses a conditional write/);
    expect(await output.keys()).toEqual([]);
  });

  test.each([
    [
      ['-o', 'gs://bucket/x'],
      /must be the path of a directory or s3:\/\/bucket\/prefix, not the URL 'gs:\/\/bucket\/x'/,
    ],
    [['-o', 's3://b'], /not 's3:\/\/b': the name of a bucket has 3 to 63/],
    [['-o', 's3://images/a//b'], /no empty part/],
    [['--s3-region', 'eu-west-1'], /--s3-region has no effect without -o s3:\/\//],
    [['-o', 's3://images', '--s3-endpoint', 'http://key:secret@host'], /must not hold a login/],
    [['-o', 's3://images', '--s3-endpoint', 'localhost:29000'], /must be a URL such as/],
  ])('%j is a usage error', async (args, message) => {
    const { exitCode, stderr } = await start('consumer', args).ended;
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('secret@');
  });
});

test('doctor looks at the store, and leaves nothing there', async () => {
  const output = s3Folder();
  const args = ['doctor', '-t', await createTopic(), '-o', output.url, '--json', '--quiet'];
  const { exitCode, stdout } = await start('consumer', args, s3Environment).ended;
  const { findings } = JSON.parse(stdout) as Diagnosis;
  expect(exitCode).toBe(0);
  const seen = findings.map(({ check, status }) => `${check}: ${status}`);
  expect(seen).toEqual(
    expect.arrayContaining([
      'output: ok',
      'conditional writes: ok',
      'store speed: ok',
      'unfinished uploads: ok',
      'lifecycle: warning',
      'scratch: ok',
      'free space: ok',
    ]),
  );
  expect(await output.keys()).toEqual([]);
  expect(await output.uploads()).toBe(0);
});

test('the gallery links to what was saved', async () => {
  const topic = await createTopic();
  const bytes = await sendImage(topic, 'a');
  const output = s3Folder();
  await succeed([...s3Args(topic, output), '--exit-at-end']);
  const gallery = start('gallery', ['-t', topic, '-o', output.url, '--port', '0'], s3Environment);
  await expect.poll(() => gallery.log(), { timeout: 20_000 }).toMatch(/are on http:\/\/\S+/);
  const [url] = /http:\/\/localhost:\d+/.exec(gallery.log())!;
  const details = (await (await fetch(`${url}/images/0/0/details`)).json()) as { file: unknown };
  expect(details.file).toEqual({ path: 'customer=c/date=2026-01-31/a.png', bytes: bytes.length });
  const file = await fetch(`${url}/images/0/0/file`);
  expect(file.headers.get('content-type')).toBe('image/png');
  expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);
  gallery.process.kill('SIGINT');
  expect((await gallery.ended).exitCode).toBe(0);
});
