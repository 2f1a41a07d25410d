import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { refuse, startS3, startS3Proxy } from '@image-stream/local-s3';
import type { Passage } from '@image-stream/local-s3';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from './files.test-support.ts';
import { committed, createTopic, ends } from './kafka.test-support.ts';
import { hashesOf, lag, paintFiles, recordsIn, sendFiles } from './ledger.test-support.ts';
import { bootstrapServers, start } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';
import { generator } from './random.test-support.ts';
import { disturbedS3, s3Args, s3Environment, s3Folder } from './s3.test-support.ts';
import type { S3Folder } from './s3.test-support.ts';

const patience = { timeout: 60_000, interval: 50 };

/** Settings with which a member that is gone is noticed within a second. */
const impatient = ['-X', 'session.timeout.ms=1000', '-X', 'heartbeat.interval.ms=200'];

/** Noise of that many pixels a side does not fit one request to the store. */
const sideInParts = 1700;

async function sentFiles(small: number, inParts = 0, maxMessageBytes?: string) {
  const folder = temporaryFolder();
  await paintFiles(folder, small);
  await paintFiles(folder, inParts, sideInParts);
  const topic = await createTopic(2, maxMessageBytes);
  await sendFiles({ folder, topic, servers: bootstrapServers });
  return { folder, topic };
}

/** What was sent is there, once, and nothing else; nothing is unfinished, and `verify` agrees. */
async function expectStored(
  { folder, topic }: { folder: string; topic: string },
  output: S3Folder,
  environment: Record<string, string>,
) {
  const hashes = hashesOf(folder);
  expect(
    (await output.keys()).filter((key) => !/^customer=[^/]+\/date=[^/]+\/[^/]+\.png$/.test(key)),
  ).toEqual([]);
  expect(await output.hashes()).toEqual(hashes);
  expect(await output.uploads()).toBe(0);
  expect(await recordsIn(`${topic}.dead-letter`)).toBe(0);
  expect(await lag({ group: topic, topic, servers: bootstrapServers })).toBe(0);
  const verify = start(
    'consumer',
    ['verify', '-t', topic, '-o', output.url, '--json', '--quiet'],
    environment,
  );
  const { stdout } = await verify.ended;
  expect(JSON.parse(stdout)).toMatchObject({ onDisk: hashes.length, differences: 0 });
}

test(
  'a consumer that is killed at any request leaves each image there once, and nothing unfinished',
  { timeout: 300_000 },
  async () => {
    const sent = await sentFiles(3, 1, '2000000');
    const output = s3Folder();
    const scratch = temporaryFolder();
    let consumer: Running | undefined;
    let requests = 0;
    let step = 0;

    async function kill(): Promise<void> {
      consumer!.process.kill('SIGKILL');
      await once(consumer!.process, 'exit');
    }
    const environment = await disturbedS3(async (incoming, response): Promise<Passage> => {
      requests += 1;
      if (requests !== step) {
        return 'pass';
      }
      if (step % 2 === 0) {
        await kill();
        return 'lose answer';
      }
      // It has done what it was asked for.
      response.once('finish', () => void kill());
      return 'pass';
    });
    for (step = 1; ; step++) {
      requests = 0;
      consumer = start(
        'consumer',
        [...s3Args(sent.topic, output, scratch), ...impatient, '--exit-at-end'],
        environment,
      );
      const { exitCode } = await consumer.ended;
      const done = await committed(sent.topic, sent.topic);
      const kept = (await output.keys()).filter((key) => key.startsWith('customer=')).length;
      // Each image that is not kept holds back one record at least.
      const all = await ends(sent.topic);
      expect(done.reduce((sum, offset) => sum + Math.max(0, offset), 0)).toBeLessThanOrEqual(
        all - (4 - kept),
      );
      if (exitCode === 0) {
        break;
      }
    }
    expect(step).toBeGreaterThan(15);
    await expectStored(sent, output, s3Environment);
  },
);

test('a store that says no, is gone, stands still or loses answers is waited for, and nothing is skipped', async () => {
  const s3 = await startS3({ buckets: ['images'] });
  onTestFinished(() => s3.stop());
  let fate: Passage | 'busy' = 'busy';
  const proxy = await startS3Proxy(s3.endpoint, (incoming, response) => {
    // It is well at the start.
    const isImage = incoming.url!.includes('customer');
    return fate === 'busy' ? (isImage ? refuse(response, 503, 'SlowDown') : 'pass') : fate;
  });
  onTestFinished(() => proxy.close());
  const environment = { ...s3.environment, AWS_ENDPOINT_URL_S3: proxy.endpoint };
  const output = s3Folder(s3.environment);
  const sent = await sentFiles(5);
  const consumer = start('consumer', s3Args(sent.topic, output), environment);
  onTestFinished(() => void consumer.process.kill('SIGKILL'));

  await expect
    .poll(() => consumer.log(), patience)
    .toMatch(/paused: .* answers PutObject with SlowDown \(HTTP 503\)/);
  expect(await output.keys()).toEqual([]);
  fate = 'pass';
  await expect.poll(() => output.keys(), patience).toHaveLength(5);
  await expect.poll(() => consumer.log(), patience).toContain('resumed after a pause');

  const more = async (count: number): Promise<void> => {
    await paintFiles(sent.folder, count);
    await sendFiles({ ...sent, servers: bootstrapServers });
  };
  await s3.kill();
  await more(5);
  await expect
    .poll(() => consumer.log(), patience)
    .toMatch(/cannot be reached: (socket hang up|read ECONNRESET)/);
  await s3.restart();
  await expect.poll(() => output.keys(), patience).toHaveLength(10);

  await s3.pause();
  await more(5);
  s3.resume();
  await expect.poll(() => output.keys(), patience).toHaveLength(15);

  fate = 'lose answer';
  await more(5);
  await expect.poll(() => output.keys(), patience).toHaveLength(20);
  fate = 'pass';
  await expect
    .poll(() => lag({ group: sent.topic, topic: sent.topic, servers: bootstrapServers }), patience)
    .toBe(0);
  consumer.process.kill('SIGTERM');
  expect((await consumer.ended).exitCode).toBe(0);
  await expectStored(sent, output, { ...s3.environment });
});

test('a store that cannot be reached at the start is told, and waited for', async () => {
  const s3 = await startS3({ buckets: ['images'] });
  onTestFinished(() => s3.stop());
  await s3.kill();
  const output = s3Folder(s3.environment);
  const sent = await sentFiles(2);
  const consumer = start('consumer', [...s3Args(sent.topic, output), '--exit-at-end'], { ...s3.environment });
  onTestFinished(() => void consumer.process.kill('SIGKILL'));
  await expect
    .poll(() => consumer.log(), patience)
    .toMatch(/cannot be reached: connect ECONNREFUSED.*asked again before the first image/);
  await expect.poll(() => consumer.log(), patience).toContain('paused: ');
  await s3.restart();
  expect((await consumer.ended).exitCode).toBe(0);
  await expectStored(sent, output, { ...s3.environment });
});

/** How much dies in `pnpm test:faults`, and how much every day. */
const scale =
  process.env['FAULT_ROUNDS'] === undefined
    ? { small: 60, inParts: 2, consumers: 2, kills: 6, timeout: 240_000 }
    : { small: 9990, inParts: 10, consumers: 4, kills: 100, timeout: 3_600_000 };
const seed = process.env['FAULT_SEED'] ?? 'everyday';

test(
  `consumers of one group that are killed at random, and a store that fails at random, keep each image once (seed ${seed})`,
  { timeout: scale.timeout },
  async () => {
    const random = generator(seed);
    const s3 = await startS3({ buckets: ['images'] });
    onTestFinished(() => s3.stop());
    const sent = await sentFiles(scale.small, scale.inParts, '2000000');
    const output = s3Folder(s3.environment);
    const scratch = temporaryFolder();
    let answers = 0;
    let isBusy = false;
    // Slow enough that every kill comes in the middle of something.
    const proxy = await startS3Proxy(s3.endpoint, async (incoming, response): Promise<Passage> => {
      answers += 1;
      await sleep(20);
      const isImage = incoming.url!.includes('customer');
      return isBusy && isImage
        ? refuse(response, 503, 'SlowDown')
        : answers % 17 === 0 && isImage
          ? 'lose answer'
          : 'pass';
    });
    onTestFinished(() => proxy.close());
    const environment = { ...s3.environment, AWS_ENDPOINT_URL_S3: proxy.endpoint };
    const startOne = (): Running => {
      const consumer = start('consumer', [...s3Args(sent.topic, output, scratch), ...impatient], environment);
      onTestFinished(() => void consumer.process.kill('SIGKILL'));
      return consumer;
    };
    const isDone = async () =>
      (await lag({ group: sent.topic, topic: sent.topic, servers: bootstrapServers })) === 0;
    const storeFaults = [
      async () => {
        await s3.kill();
        await sleep(500);
        await s3.restart();
      },
      async () => {
        await s3.pause();
        await sleep(1000);
        s3.resume();
      },
      async () => {
        isBusy = true;
        await sleep(1000);
        isBusy = false;
      },
    ];
    const consumers = Array.from({ length: scale.consumers }, startOne);
    const log: string[] = [];
    try {
      for (let kills = 0; kills < scale.kills; kills++) {
        const before = answers;
        // Past what each asks at its start, and hardly ever twice at the same place; as long as there is something to save.
        const wanted = 10 * scale.consumers + Math.floor(40 * random());
        const isNext = async () => answers > before + wanted || (await isDone());
        await expect.poll(isNext, { timeout: 120_000, interval: 50 }).toBe(true);
        const index = Math.floor(scale.consumers * random());
        consumers[index]!.process.kill('SIGKILL');
        await consumers[index]!.ended;
        consumers[index] = startOne();
        log.push(`consumer ${index} killed after ${answers} requests`);
        if (kills % 5 === 4) {
          const fault = Math.floor(storeFaults.length * random());
          log.push(`store: ${['killed', 'stopped', 'busy'][fault]}`);
          await storeFaults[fault]!();
        }
      }
      await expect.poll(isDone, { timeout: scale.timeout, interval: 50 }).toBe(true);
      for (const { process: child, ended } of consumers) {
        child.kill('SIGTERM');
        await ended;
      }
      // The last one that was killed may have left something to be removed.
      const rest = start('consumer', [...s3Args(sent.topic, output, scratch), '--exit-at-end'], environment);
      expect((await rest.ended).exitCode).toBe(0);
      await expectStored(sent, output, { ...s3.environment });
    } catch (error) {
      throw new Error(`seed ${seed}:\n${log.join('\n')}`, { cause: error });
    }
  },
);
