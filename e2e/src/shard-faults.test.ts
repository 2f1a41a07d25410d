import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopic } from './kafka.test-support.ts';
import { finishedFiles, hashesOf, lag, paintFiles, recordsIn, sha256Of } from './ledger.test-support.ts';
import { bootstrapServers, start, succeed } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';
import { generator } from './random.test-support.ts';
import { s3Environment, s3Folder } from './s3.test-support.ts';

/** How much dies in `pnpm test:faults`, and how much every day. */
const scale =
  process.env['FAULT_ROUNDS'] === undefined
    ? { images: 600, rate: 25, kills: 6, shardImages: 15, timeout: 240_000 }
    : { images: 20_001, rate: 45, kills: 100, shardImages: 200, timeout: 1_800_000 };
const seed = process.env['FAULT_SEED'] ?? 'everyday';

const consumers = 3;
const customers = ['a', 'b', 'c'];

/** Settings with which a member that is gone is noticed within a second. */
const impatient = ['-X', 'session.timeout.ms=1000', '-X', 'heartbeat.interval.ms=200'];

test.each(['a directory', 'a bucket'])(
  `shards in %s hold each image once, whichever of their writers are killed or frozen (seed ${seed})`,
  { timeout: scale.timeout },
  async (place) => {
    const random = generator(`${seed} ${place}`);
    const folder = temporaryFolder();
    for (const customer of customers) {
      mkdirSync(join(folder, customer));
      await paintFiles(join(folder, customer), scale.images / customers.length);
    }
    const topic = await createTopic(4, '100000');
    const bucket = place === 'a bucket' ? s3Folder() : undefined;
    const directory = join(temporaryFolder(), 'output');
    const output = bucket?.url ?? directory;
    const environment = bucket === undefined ? {} : s3Environment;
    const scratch = bucket === undefined ? [] : ['--scratch-directory', temporaryFolder()];
    const layout = ['--layout', 'webdataset'];
    const consume = [
      ...['-bs', bootstrapServers, '-t', topic, '-gid', topic, '-o', output, ...scratch, ...layout],
      ...['--shard-images', String(scale.shardImages), '--shard-interval', '1s', ...impatient],
    ];

    const startOne = (): Running => {
      const consumer = start('consumer', consume, environment);
      onTestFinished(() => void consumer.process.kill('SIGKILL'));
      return consumer;
    };
    const running = Array.from({ length: consumers }, startOne);
    const producing = Promise.all(
      customers.map((customer) => {
        const args = ['-bs', bootstrapServers, '-t', topic, '-a', 'all', '-cid', customer];
        return succeed('producer', [join(folder, customer), ...args, '--rate', String(scale.rate)]);
      }),
    );
    const log: string[] = [];
    try {
      for (let kills = 0; kills < scale.kills;) {
        // At any moment.
        await sleep(200 + 1000 * random());
        const index = Math.floor(consumers * random());
        const chosen = running[index]!;
        if (random() < 0.3) {
          log.push(`consumer ${index} frozen`);
          chosen.process.kill('SIGSTOP');
          // Past its session, so that it comes back as one that others have replaced.
          await sleep(1000 + 1000 * random());
          chosen.process.kill('SIGCONT');
        } else {
          log.push(`consumer ${index} killed`);
          chosen.process.kill('SIGKILL');
          await chosen.ended;
          running[index] = startOne();
          kills += 1;
        }
      }
      await producing;
      const isDone = async () => (await lag({ group: topic, topic, servers: bootstrapServers })) === 0;
      await expect.poll(isDone, { timeout: 120_000, interval: 100 }).toBe(true);
      for (const { process: child, ended } of running) {
        child.kill('SIGTERM');
        // One that was started just now may not yet listen to signals.
        expect([0, null]).toContain((await ended).exitCode);
      }

      expect(await recordsIn(`${topic}.dead-letter`)).toBe(0);
      const verify = start(
        'consumer',
        ['verify', '-bs', bootstrapServers, '-t', topic, '-o', output, ...layout, '--json'],
        environment,
      );
      expect(JSON.parse((await verify.ended).stdout)).toMatchObject({ onDisk: scale.images, differences: 0 });
      // Whoever reads it with other tools finds the same.
      const shards = bucket === undefined ? directory : await download(bucket);
      expect(
        finishedFiles(shards).filter((file) => !/^customer=[abc]\/date=[^/]+\/[^./]+\.png\.tar$/.test(file)),
      ).toEqual([]);
      expect(imagesIn(shards)).toEqual(hashesOf(folder));
      expect(await bucket?.uploads()).toBe(bucket && 0);
    } catch (error) {
      throw new Error(`seed ${seed}:\n${log.join('\n')}`, { cause: error });
    }
  },
);

async function download(bucket: ReturnType<typeof s3Folder>): Promise<string> {
  const folder = temporaryFolder();
  for (const key of await bucket.keys()) {
    mkdirSync(dirname(join(folder, key)), { recursive: true });
    writeFileSync(join(folder, key), (await bucket.read(key)).bytes);
  }
  return folder;
}

/** The SHA-256 of each image that `tar` finds, in their order. */
function imagesIn(shards: string): string[] {
  const folder = temporaryFolder();
  for (const [index, shard] of finishedFiles(shards).entries()) {
    // Of shards, no two may hold the same name.
    const target = join(folder, String(index));
    mkdirSync(target);
    const { status, stderr } = spawnSync('tar', ['-xf', join(shards, shard), '-C', target]);
    expect({ status, stderr: String(stderr) }).toEqual({ status: 0, stderr: '' });
  }
  const names = filesIn(folder).map((file) => file.replace(/^[^/]*\//, ''));
  expect(new Set(names).size).toBe(names.length);
  return filesIn(folder)
    .filter((file) => file.endsWith('.png'))
    .map((file) => sha256Of(join(folder, file)))
    .toSorted();
}
