import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { byteSource } from '@image-stream/codec';
import { fileSource, sha256Of } from '@image-stream/image-io';
import { refuse, startS3, startS3Proxy } from '@image-stream/local-s3';
import type { Fate, Passage, S3Server } from '@image-stream/local-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { openOutput, readOutput } from './index.ts';
import type { About, Opened, OutputSettings } from './index.ts';

const MiB = 1024 ** 2;
let server: S3Server;
let client: S3Client;
beforeAll(async () => {
  server = await startS3({ buckets: ['images'] });
  vi.stubEnv('HOME', '/nonexistent');
  const { AWS_ENDPOINT_URL_S3: endpoint, ...login } = server.environment;
  for (const [name, value] of Object.entries(login)) {
    vi.stubEnv(name, value);
  }
  vi.stubEnv('AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED', 'true');
  client = new S3Client({ endpoint, forcePathStyle: true });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  client.destroy();
  await server.stop();
});

let prefix: string;
let scratch: string;
beforeEach(async () => {
  prefix = randomUUID();
  scratch = await mkdtemp(join(tmpdir(), 's3-sink-'));
  return () => rm(scratch, { recursive: true });
});

/** Opens a prefix of this test's own. */
async function open(settings: Partial<OutputSettings> & { location?: string } = {}): Promise<Opened> {
  const opened = await openOutput(settings.location ?? `s3://images/${prefix}`, {
    endpoint: server.endpoint,
    scratchDirectory: scratch,
    warn: () => {},
    ...settings,
  });
  onTestFinished(async () => {
    await opened.workspace.close();
    await opened.sink.close();
  });
  return opened;
}

/** All that is under the prefix, and whatever is unfinished there. */
async function inStore(): Promise<{ keys: string[]; uploads: number }> {
  const place = { Bucket: 'images', Prefix: `${prefix}/` };
  const { Contents = [] } = await client.send(new ListObjectsV2Command(place));
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand(place));
  return { keys: Contents.map(({ Key }) => Key!.slice(prefix.length + 1)), uploads: Uploads.length };
}

/** Something between the sink and the server that decides what becomes of each request. */
async function proxy(fate: Fate): Promise<string> {
  const between = await startS3Proxy(server.endpoint, fate);
  onTestFinished(() => between.close());
  return between.endpoint;
}

const isImage = ({ url = '' }: IncomingMessage): boolean => url.includes('customer');
const key = 'customer=c/date=2026-01-31/a.png';
const about: About = {
  mediaType: 'image/png',
  image: { id: 'a', customerId: 'cé/x', createdAt: new Date('2026-01-31T12:00:00Z') },
};

test('images are put as the client would, whatever their keys, and without its steps', async () => {
  const seen: IncomingMessage['headers'][] = [];
  const endpoint = await proxy((request) => {
    if (request.method === 'PUT' && isImage(request)) {
      seen.push(request.headers);
    }
    return 'pass';
  });
  const { sink } = await open({ endpoint });
  const keys = ['a', "odd (1)!*'~ %25+é"].map((name) => `customer=c%2F/date=2026-01-31/${name}.png`);
  for (const one of [...keys, ...keys]) {
    const created = await sink.put(one, byteSource(Buffer.from(one)), 'create', about);
    expect(created === undefined).toBe(seen.length > 2);
  }
  expect((await inStore()).keys.toSorted()).toEqual(keys.toSorted());
  const sha256 = createHash('sha256').update(keys[0]!);
  for (const headers of seen) {
    expect(headers).not.toHaveProperty('amz-sdk-request');
  }
  expect(seen[0]).toMatchObject({
    ...{ 'content-type': 'image/png', 'content-length': String(keys[0]!.length), 'if-none-match': '*' },
    ...{ 'x-amz-meta-image-id': 'a', 'x-amz-meta-customer-id': 'c%C3%A9%2Fx' },
    'x-amz-checksum-sha256': sha256.copy().digest('base64'),
    'x-amz-content-sha256': sha256.digest('hex'),
  });
});

test('an image is kept with what it is, and is found with its bytes', async () => {
  const { sink } = await open();
  const bytes = randomBytes(100_000);
  expect(await sink.put(key, byteSource(bytes), 'create', about)).toBeDefined();
  const found = await sink.find(key);
  expect(Buffer.from(await found!.content.read(0, found!.content.size)).equals(bytes)).toBe(true);
  expect(Buffer.from(await found!.content.read(99_000, 99_010)).equals(bytes.subarray(99_000, 99_010))).toBe(
    true,
  );
  const sha256 = await sha256Of(byteSource(bytes));
  expect(found!.sha256).toBe(sha256);
  expect(await sink.find('customer=c/date=2026-01-31/b.png')).toBeUndefined();
  const head = await client.send(
    new HeadObjectCommand({ Bucket: 'images', Key: `${prefix}/${key}`, ChecksumMode: 'ENABLED' }),
  );
  expect(head).toMatchObject({
    ContentType: 'image/png',
    ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
    Metadata: {
      'image-id': 'a',
      'customer-id': 'c%C3%A9%2Fx',
      'created-at': '2026-01-31T12:00:00.000Z',
      sha256,
    },
  });
});

test('what is saved otherwise than it was received says both', async () => {
  const { sink } = await open();
  const received = 'ab'.repeat(32);
  await sink.put(key, byteSource(Buffer.from('other')), 'create', {
    ...about,
    receivedSha256: async () => received,
  });
  const sha256 = await sha256Of(byteSource(Buffer.from('other')));
  expect((await sink.find(key))!.sha256).toBe(sha256);
  const { Metadata } = await client.send(
    new HeadObjectCommand({ Bucket: 'images', Key: `${prefix}/${key}` }),
  );
  expect(Metadata).toMatchObject({ sha256: received, 'saved-sha256': sha256 });
});

test.each([1000, 3 * MiB, 9 * MiB])(
  'of many who create %i bytes at once one wins, and nothing is left of the others',
  async (size) => {
    const { sink } = await open();
    const outcomes = await Promise.all(
      Array.from({ length: 4 }, () => sink.put(key, byteSource(randomBytes(size)), 'create', about)),
    );
    expect(outcomes.filter((outcome) => outcome !== undefined)).toHaveLength(1);
    expect(await inStore()).toEqual({ keys: [key], uploads: 0 });
  },
);

test.each([1000, 9 * MiB])('of %i bytes, another image is left alone, or replaced', async (size) => {
  const { sink } = await open();
  const [one, other] = [randomBytes(size), randomBytes(size)];
  const hash = async () => sha256Of((await sink.find(key))!.content);
  await sink.put(key, byteSource(one), 'create', about);
  expect(await sink.put(key, byteSource(other), 'create', about)).toBeUndefined();
  expect(await hash()).toBe(await sha256Of(byteSource(one)));
  expect(await sink.put(key, byteSource(other), 'replace', about)).toBeDefined();
  expect(await hash()).toBe(await sha256Of(byteSource(other)));
});

test('a file in parts arrives whole, and one that changes meanwhile is not kept', async () => {
  const { sink } = await open();
  const file = join(scratch, 'file');
  await writeFile(file, randomBytes(17 * MiB + 1));
  const source = await fileSource(file);
  await sink.put(key, source, 'create', about);
  expect(await sha256Of((await sink.find(key))!.content)).toBe(await sha256Of(source));

  let reads = 0;
  const changing = {
    size: source.size,
    read: async (start: number, end: number) => {
      reads += 1;
      const bytes = await source.read(start, end);
      // The first pass finds out what it is.
      return reads > 20 ? bytes.map((byte) => byte ^ 1) : bytes;
    },
  };
  await expect(sink.put('customer=c/date=2026-01-31/b.png', changing, 'create', about)).rejects.toThrow(
    'has changed while it was read',
  );
  expect(await inStore()).toEqual({ keys: [key], uploads: 0 });
});

test('all keys of images are listed, and nothing else', async () => {
  const { sink } = await open();
  const keys = Array.from({ length: 12 }, (_, index) => `customer=c%2F/date=2026-01-31/${index}.png`);
  await Promise.all(keys.map((one) => sink.put(one, byteSource(Buffer.from(one)), 'create', about)));
  await sink.put('elsewhere/a.png', byteSource(Buffer.from('x')), 'create', about);
  const reader = await readOutput(`s3://images/${prefix}/`, { endpoint: server.endpoint });
  onTestFinished(() => reader.close());
  const listed = [];
  for await (const { key: one } of reader.list()) {
    listed.push(one);
  }
  expect(listed.toSorted()).toEqual(keys.toSorted());
});

test('to open a store and to look at it leaves nothing there', async () => {
  const { sink } = await open();
  const findings = await sink.probe();
  expect(findings.map(({ check, status }) => `${check}: ${status}`)).toEqual([
    'output: ok',
    'conditional writes: ok',
    'store speed: ok',
    'unfinished uploads: ok',
    'lifecycle: warning',
  ]);
  expect(await inStore()).toEqual({ keys: [], uploads: 0 });
});

test('a trial that a machine has left which is gone is removed, one that may be under way is not', async () => {
  for (const [name, ageMs] of Object.entries({ old: 7_200_000, new: 0 })) {
    const Key = `${prefix}/.image-stream-trial-${name}`;
    await client.send(new PutObjectCommand({ Bucket: 'images', Key, Body: 'x' }));
    const time = new Date(Date.now() - ageMs);
    await utimes(join(server.directory, 'images', Key), time, time);
  }
  await open();
  expect(await inStore()).toEqual({ keys: ['.image-stream-trial-new'], uploads: 0 });
});

describe('a store without conditional writes is refused, and nothing is left there', () => {
  test.each([
    ['ignores them', (incoming: IncomingMessage) => incoming.method === 'PUT'],
    ['ignores them in parts', (incoming: IncomingMessage) => incoming.method === 'POST'],
  ])('one that %s', async (_how, isIgnored) => {
    const endpoint: string = await proxy(async (incoming): Promise<Passage> => {
      if (incoming.headers['if-none-match'] !== undefined && isIgnored(incoming)) {
        // The header is signed. A store that ignores it replaces what is there; so does this one, in two steps.
        const Key = new URL(incoming.url!, endpoint).pathname.replace('/images/', '');
        await client.send(new DeleteObjectCommand({ Bucket: 'images', Key }));
      }
      return 'pass';
    });
    await expect(open({ endpoint })).rejects.toMatchObject({ code: 'NO_CONDITIONAL_WRITES' });
    expect(await inStore()).toEqual({ keys: [], uploads: 0 });
  });

  test('one that refuses them', async () => {
    const endpoint = await proxy((incoming, response) =>
      incoming.headers['if-none-match'] === undefined ? 'pass' : refuse(response, 501, 'NotImplemented'),
    );
    await expect(open({ endpoint })).rejects.toMatchObject({
      code: 'NO_CONDITIONAL_WRITES',
      message: expect.stringMatching(/refuses a conditional write.*NotImplemented/),
    });
    expect(await inStore()).toEqual({ keys: [], uploads: 0 });
  });
});

test('who may delete nothing has the first image show it', async () => {
  const endpoint = await proxy((incoming, response) =>
    incoming.method === 'DELETE' && !incoming.url!.includes('uploadId')
      ? refuse(response, 403, 'AccessDenied')
      : 'pass',
  );
  const { sink } = await open({ endpoint });
  expect(await inStore()).toEqual({ keys: [], uploads: 0 });
  await sink.put(key, byteSource(Buffer.from('one')), 'create', about);
  await sink.put(`${key}2`, byteSource(Buffer.from('two')), 'create', about);
  expect(await inStore()).toEqual({ keys: [key, `${key}2`], uploads: 0 });
});

describe('errors', () => {
  test.each([
    [503, 'SlowDown', 'UNAVAILABLE'],
    [500, 'InternalError', 'UNAVAILABLE'],
    [429, 'TooManyRequests', 'UNAVAILABLE'],
    [400, 'RequestTimeout', 'UNAVAILABLE'],
    [403, 'AccessDenied', 'ACCESS_DENIED'],
    [403, 'InvalidAccessKeyId', 'BAD_CREDENTIALS'],
    [403, 'SignatureDoesNotMatch', 'BAD_CREDENTIALS'],
    [400, 'ExpiredToken', 'BAD_CREDENTIALS'],
    [404, 'NoSuchBucket', 'NO_BUCKET'],
    [301, 'PermanentRedirect', 'WRONG_REGION'],
    [400, 'AuthorizationHeaderMalformed', 'WRONG_REGION'],
    [400, 'KeyTooLongError', 'TOO_LARGE'],
    [400, 'InvalidRequest', 'REFUSED'],
  ])('HTTP %i %s is %s', async (status, code, expected) => {
    const endpoint = await proxy((incoming, response) =>
      isImage(incoming) ? refuse(response, status, code) : 'pass',
    );
    const { sink } = await open({ endpoint });
    const error = await sink
      .put(key, byteSource(Buffer.from('one')), 'create', about)
      .catch((thrown) => thrown);
    expect(error).toMatchObject({ code: expected });
    expect(error.message).not.toContain('\n');
    const classes: Record<string, string> = { UNAVAILABLE: 'transient', TOO_LARGE: 'record' };
    expect(sink.classify(error)).toBe(classes[expected] ?? 'permanent');
  });

  test.each([
    ['an answer that is lost', 1],
    ['answers that are lost', 3],
  ])('%s leaves the image there once', async (_what, count) => {
    let lost = 0;
    const endpoint = await proxy((incoming) => {
      if (isImage(incoming) && incoming.method === 'PUT' && lost < count) {
        lost += 1;
        return 'lose answer';
      }
      return 'pass';
    });
    const { sink } = await open({ endpoint });
    const put = () => sink.put(key, byteSource(Buffer.from('one')), 'create', about);
    let outcome;
    for (let attempt = 0; attempt < 5; attempt++) {
      outcome = await put().catch((error: unknown) => error);
      if (!(outcome instanceof Error)) {
        break;
      }
      expect(sink.classify(outcome)).toBe('transient');
    }
    // It is there, with the same hash: that is for who put it to see.
    expect(outcome).toBeUndefined();
    expect((await sink.find(key))!.sha256).toBe(await sha256Of(byteSource(Buffer.from('one'))));
  });

  test('an answer that does not come is waited for no longer than 30 s', async () => {
    let nowAsked!: () => void;
    const isAsked = new Promise<void>((resolve) => {
      nowAsked = resolve;
    });
    const endpoint = await proxy((incoming) => {
      if (!isImage(incoming)) {
        return 'pass';
      }
      nowAsked();
      return new Promise(() => {});
    });
    const { sink } = await open({ endpoint });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const outcome = sink
      .put(key, byteSource(Buffer.from('one')), 'create', about)
      .catch((error: unknown) => error);
    await isAsked;
    vi.advanceTimersByTime(30_001);
    const error = await outcome;
    expect(error).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('no answer within 30 s') as string,
    });
    expect(sink.classify(error)).toBe('transient');
  });

  test('a conflict with a request at the same time is tried again', async () => {
    let refused = 0;
    const endpoint = await proxy((incoming, response) => {
      if (isImage(incoming) && incoming.method !== 'GET' && refused < 2) {
        refused += 1;
        return refuse(response, 409, 'ConditionalRequestConflict');
      }
      return 'pass';
    });
    const { sink } = await open({ endpoint });
    expect(await sink.put(key, byteSource(Buffer.from('one')), 'create', about)).toBeDefined();
  });

  test('nobody there, a name that nobody has, no credentials, a wrong secret, no bucket, no region', async () => {
    const warnings: string[] = [];
    const warn = (message: string): void => void warnings.push(message);
    await open({ endpoint: 'http://127.0.0.1:1', warn });
    await open({ endpoint: 'http://nobody.invalid', warn });
    expect(warnings[0]).toMatch(
      /^s3:\/\/images\/\S+ at http:\/\/127.0.0.1:1 cannot be reached: connect ECONNREFUSED/,
    );
    expect(warnings[1]).toMatch(/cannot be reached: getaddrinfo (ENOTFOUND|EAI_AGAIN)/);
    await expect(open({ location: 's3://missing' })).rejects.toMatchObject({ code: 'NO_BUCKET' });
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'wrong');
    await expect(open()).rejects.toMatchObject({
      code: 'BAD_CREDENTIALS',
      message: expect.stringContaining('SignatureDoesNotMatch'),
    });
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    await expect(open()).rejects.toMatchObject({
      code: 'BAD_CREDENTIALS',
      message: expect.stringContaining('set AWS_ACCESS_KEY_ID'),
    });
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', server.environment.AWS_SECRET_ACCESS_KEY);
    vi.stubEnv('AWS_REGION', undefined);
    await open();
    await expect(open({ endpoint: undefined })).rejects.toMatchObject({
      code: 'WRONG_REGION',
      message: expect.stringContaining('--s3-region'),
    });
    vi.stubEnv('AWS_REGION', server.environment.AWS_REGION);
  });
});

describe('of an upload in parts that fails', () => {
  const big = byteSource(randomBytes(17 * MiB));

  test('nothing stays in the store', async () => {
    const endpoint = await proxy((incoming, response) =>
      incoming.url!.includes('partNumber=3') ? refuse(response, 503, 'SlowDown') : 'pass',
    );
    const { sink, workspace } = await open({ endpoint });
    await expect(sink.put(key, big, 'create', about)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await inStore()).toEqual({ keys: [], uploads: 0 });
    await workspace.close();
    expect(readdirSync(join(scratch, readdirSync(scratch)[0]!))).toEqual([]);
  });

  test.each([
    ['its parts', (incoming: IncomingMessage) => incoming.url!.includes('partNumber=2'), 'pass'],
    [
      'the answer to its beginning',
      ({ url, method }: IncomingMessage) => method === 'POST' && url!.includes('uploads'),
      'lose answer',
    ],
  ] as const)('by %s, what cannot be removed is removed by whoever comes next', async (_what, isIt, fate) => {
    let isDown = false;
    const endpoint = await proxy((incoming, response) => {
      if (isDown || (isImage(incoming) && isIt(incoming))) {
        if (!isDown) {
          isDown = true;
          if (fate === 'lose answer') {
            return fate;
          }
        }
        return refuse(response, 503, 'SlowDown');
      }
      return 'pass';
    });
    const { sink, workspace } = await open({ endpoint });
    await expect(sink.put(key, big, 'create', about)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await inStore()).toEqual({ keys: [], uploads: 1 });
    await workspace.close();
    isDown = false;
    await open({ endpoint });
    expect(await inStore()).toEqual({ keys: [], uploads: 0 });
  });

  test('what could not be removed is removed with the next upload', async () => {
    let isDown = false;
    const endpoint = await proxy((incoming, response) => {
      isDown ||= incoming.url!.includes('partNumber=2') && incoming.url!.includes('a.png');
      return isDown ? refuse(response, 503, 'SlowDown') : 'pass';
    });
    const { sink } = await open({ endpoint });
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(sink.put(key, big, 'create', about)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    }
    expect(await inStore()).toEqual({ keys: [], uploads: 1 });
    isDown = false;
    await sink.put('customer=c/date=2026-01-31/b.png', big, 'create', about);
    expect(await inStore()).toEqual({ keys: ['customer=c/date=2026-01-31/b.png'], uploads: 0 });
  });
});
