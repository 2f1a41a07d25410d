import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopic } from './kafka.test-support.ts';
import { sha256Of } from './ledger.test-support.ts';
import { bootstrapServers, run, start, succeed } from './programs.test-support.ts';
import { hasPython, preparePython, python } from './python.test-support.ts';

// In a pipeline nothing is skipped.
const canLoad = hasPython || process.env['CI'] !== undefined;

interface Seen {
  readonly loader: string;
  readonly sha256: string;
  readonly about: Record<string, unknown>;
}

/** Pictures of several kinds, some of which travel in chunks, of two customers and dates; saved in shards of a few images. */
async function savedShards(layout: 'webdataset' | 'parquet' = 'webdataset') {
  const topic = await createTopic(2, '20000');
  const sent = temporaryFolder();
  for (let index = 0; index < 12; index += 1) {
    const background = { r: 20 * index, g: 255 - 20 * index, b: 7 };
    const picture = sharp({ create: { width: 30 + index, height: 20, channels: 3, background } });
    const noise = sharp({
      create: {
        width: 110,
        height: 100,
        channels: 3,
        background,
        noise: { type: 'gaussian', mean: 90, sigma: 40 },
      },
    });
    const file = join(sent, `${index % 2 === 0 ? 'a' : 'b'}.${index}`);
    await [
      () => picture.jpeg().toFile(`${file}.jpg`),
      () => (index > 4 ? picture.toColourspace('rgb16') : picture).png().toFile(`${file}.png`),
      () => picture.webp().toFile(`${file}.webp`),
      () => noise.png().toFile(`${file}.png`),
    ][index % 4]!();
  }
  for (const [index, name] of filesIn(sent).entries()) {
    const day = new Date(`2026-01-${index % 3 === 0 ? 30 : 31}T12:00:00Z`);
    utimesSync(join(sent, name), day, day);
  }
  for (const customer of ['a', 'b']) {
    const files = filesIn(sent).filter((name) => name.startsWith(customer));
    await succeed('producer', [...files.map((name) => join(sent, name)), '-t', topic, '-cid', customer]);
  }
  const output = join(temporaryFolder(), 'output');
  const saving = ['-t', topic, '-o', output, '--layout', layout, '--shard-images', '2', '--exit-at-end'];
  expect(await succeed('consumer', saving)).toMatchObject({ images: 12, failed: 0 });
  return { topic, sent, output };
}

const hashes = (folder: string): string[] =>
  filesIn(folder)
    .map((file) => sha256Of(join(folder, file)))
    .toSorted();

describe.skipIf(!canLoad)('the loaders of Python', () => {
  beforeAll(preparePython, 300_000);

  test.each([
    { layout: 'webdataset', loaders: ['webdataset', 'datasets'] },
    { layout: 'parquet', loaders: ['datasets', 'pyarrow'] },
  ] as const)(
    'yield each image once, with its bytes and what is known of it: $layout',
    { timeout: 120_000 },
    async ({ layout, loaders }) => {
      const { topic, sent, output } = await savedShards(layout);
      const script = fileURLToPath(new URL('shards.py', import.meta.url));
      const { exitCode, stdout, stderr } = await run(python, [script, output]).ended;
      expect(exitCode, stderr).toBe(0);
      const seen = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Seen);
      expect(new Set(seen.map(({ loader }) => loader))).toEqual(new Set(loaders));
      for (const loader of loaders) {
        const own = seen.filter((one) => one.loader === loader);
        expect(own.map(({ sha256 }) => sha256).toSorted(), loader).toEqual(hashes(sent));
        const days = own.map(({ about }) => String(about['createdAt']).slice(0, 10));
        expect(new Set(days)).toEqual(new Set(['2026-01-30', '2026-01-31']));
        for (const { sha256, about } of own) {
          expect(about).toMatchObject({ sha256, topic, customer: expect.stringMatching(/^[ab]$/) });
          expect(about['headers']).toMatchObject({ ce_customerid: about['customer'] });
        }
      }
      const known = new Map(seen.map(({ sha256, about }) => [sha256, about]));
      const [first] = filesIn(sent);
      expect(known.get(sha256Of(join(sent, first!)))).toMatchObject({
        id: expect.stringMatching(/^a\.0-[0-9a-f]{24}$/),
        ...{ mediaType: 'image/jpeg', width: 30, height: 20 },
        ...{ partition: expect.any(Number), offset: expect.any(Number) },
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*(Z|\+00:00)$/),
      });
    },
  );
});

test.each([
  // Where the bytes of the first image are.
  { layout: 'webdataset', inImage: 520 },
  { layout: 'parquet', inImage: 150 },
] as const)(
  'verify proves shards image by image, and tells what is wrong with them: $layout',
  async ({ layout, inImage }) => {
    const { topic, output } = await savedShards(layout);
    const args = ['verify', '-bs', bootstrapServers, '-t', topic, '-o', output, '--layout', layout];
    const verify = async () => {
      const { stdout } = await start('consumer', [...args, '--json', '--quiet']).ended;
      return JSON.parse(stdout) as Record<'onDisk' | 'missing' | 'unexpected' | 'differences', number>;
    };
    expect(await verify()).toMatchObject({ onDisk: 12, differences: 0 });

    const shard = join(output, filesIn(output)[0]!);
    const whole = readFileSync(shard);
    const damaged = Buffer.from(whole);
    damaged[inImage]! ^= 1;
    writeFileSync(shard, damaged);
    expect(await verify()).toMatchObject({ onDisk: 11, missing: 1, unexpected: 1 });

    rmSync(shard);
    const { onDisk, missing, unexpected } = await verify();
    expect([1, 2]).toContain(missing);
    expect({ onDisk, unexpected }).toEqual({ onDisk: 12 - missing, unexpected: 0 });

    writeFileSync(shard, whole);
    writeFileSync(shard.replace(/\d{20}/, '00000000000000009999'), whole);
    expect(await verify()).toMatchObject({ onDisk: 12, missing: 0, unexpected: missing });

    writeFileSync(shard, whole.subarray(0, -1));
    expect(await verify()).toMatchObject({ unexpected: expect.toSatisfy((count: number) => count > 0) });
  },
);

test('GNU tar finds nothing to complain about', async () => {
  const { output } = await savedShards();
  for (const file of filesIn(output)) {
    const { status, stdout, stderr } = spawnSync('tar', ['-tvf', join(output, file)], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^(-rw-r--r-- 0\/0 +\d+ 1970-01-01 00:00 \S+-\d{20}\.\w+\n){2,}$/);
  }
});

test.skipIf(!canLoad)('train.py learns from shards', { timeout: 120_000 }, async () => {
  await preparePython();
  const topic = await createTopic(1);
  const sent = temporaryFolder();
  for (const [customer, level] of [
    ['dark', 30],
    ['light', 220],
  ] as const) {
    for (let index = 0; index < 40; index += 1) {
      const background = { r: level, g: level, b: level + (index % 20) };
      await sharp({ create: { width: 20, height: 20, channels: 3, background } })
        .png()
        .toFile(join(sent, `${customer}-${index}.png`));
    }
    const files = filesIn(sent).filter((name) => name.startsWith(customer));
    await succeed('producer', [...files.map((name) => join(sent, name)), '-t', topic, '-cid', customer]);
  }
  const output = join(temporaryFolder(), 'output');
  await succeed('consumer', ['-t', topic, '-o', output, '--layout', 'webdataset', '--exit-at-end']);
  const script = fileURLToPath(new URL('../../examples/train.py', import.meta.url));
  const shards = filesIn(output).map((file) => join(output, file));
  const { exitCode, stdout, stderr } = await run(python, [script, ...shards]).ended;
  expect(exitCode, stderr).toBe(0);
  const [, first, last] = /^80 images of 2 customers, loss ([\d.]+) at first, ([\d.]+) at last\n$/.exec(
    stdout,
  )!;
  expect(Number(last)).toBeLessThan(Number(first));
});
