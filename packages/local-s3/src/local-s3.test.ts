import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  GetObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { down, findFreePorts, status, up } from '@image-stream/local-kafka/java-server';
import { expect, onTestFinished, test } from 'vitest';
import { startS3 } from './index.ts';
import { backgroundS3 } from './service.ts';

// It would tell of a Node that later versions of the SDK will not support.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const ignore = () => {};

function clientOf(endpoint: string, accessKeyId: string, secretAccessKey: string): S3Client {
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials,
    maxAttempts: 1,
  });
  onTestFinished(() => client.destroy());
  return client;
}

test('a server keeps what it has when it is killed, and nothing when it is stopped', async () => {
  const s3 = await startS3({ buckets: ['one', 'two'] });
  onTestFinished(() => s3.stop());
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = s3.environment;
  const client = clientOf(s3.endpoint, id, secret);
  const { Buckets } = await client.send(new ListBucketsCommand());
  expect(Buckets?.map(({ Name }) => Name)).toEqual(['one', 'two']);

  const object = { Bucket: 'one', Key: 'a/b' };
  const create = new PutObjectCommand({ ...object, Body: 'first', IfNoneMatch: '*' });
  await client.send(create);
  await expect(client.send(create)).rejects.toMatchObject({ name: 'PreconditionFailed' });

  await s3.kill();
  await expect(client.send(new GetObjectCommand(object))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await s3.restart();
  const { Body } = await client.send(new GetObjectCommand(object));
  expect(await Body?.transformToString()).toBe('first');

  await s3.stop();
  await expect(readdir(s3.directory)).rejects.toThrow('ENOENT');
});

test('nothing is given to who has no login', async () => {
  const s3 = await startS3({ buckets: ['images'] });
  onTestFinished(() => s3.stop());
  expect((await fetch(`${s3.endpoint}/images`)).status).toBe(403);
  const stranger = clientOf(s3.endpoint, s3.environment.AWS_ACCESS_KEY_ID, 'wrong');
  await expect(stranger.send(new ListMultipartUploadsCommand({ Bucket: 'images' }))).rejects.toMatchObject({
    name: 'SignatureDoesNotMatch',
  });
});

test('the one of s3:up has a bucket, and its data outlives down and up, until it is removed', async () => {
  const [port] = await findFreePorts(1);
  const stateDirectory = await mkdtemp(join(tmpdir(), 'local-s3-service-'));
  const service = backgroundS3(port!, stateDirectory);
  onTestFinished(async () => {
    await down(service, true);
    await rm(stateDirectory, { recursive: true });
  });
  expect(await status(service)).toEqual({
    running: false,
    message: 'S3 is not running. Start it with: pnpm s3:up',
  });
  expect(await up(service, ignore)).toContain(`S3 runs on localhost:${port}`);
  expect(await up(service, ignore)).toContain('S3 already runs');
  expect(await status(service)).toMatchObject({ running: true });
  const client = clientOf(`http://localhost:${port}`, 'image-stream', 'image-stream');
  const object = { Bucket: 'images', Key: 'one.png' };
  await client.send(new PutObjectCommand({ ...object, Body: 'kept' }));

  expect(await down(service, false)).toContain('S3 is stopped');
  expect(await status(service)).toMatchObject({ running: false });
  await up(service, ignore);
  const { Body } = await client.send(new GetObjectCommand(object));
  expect(await Body?.transformToString()).toBe('kept');
  expect(await down(service, true)).toContain('its data is removed');
  expect(await readdir(stateDirectory)).toEqual([]);
});
