import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopic } from './kafka.test-support.ts';
import { hashesOf, sha256Of } from './ledger.test-support.ts';
import { peakMemoryOf, start, succeed, summaryOf } from './programs.test-support.ts';
import { hasPython, preparePython, python } from './python.test-support.ts';
import { s3Environment, s3Folder } from './s3.test-support.ts';

const MiB = 1024 ** 2;

const picture = (side = 12): Promise<Buffer> =>
  sharp(randomBytes(3 * side * side), { raw: { width: side, height: side, channels: 3 } })
    .png({ compressionLevel: 0 })
    .toBuffer();

/** A folder of files that are all of one time, and their bytes. */
async function pictures(names: Readonly<Record<string, number>>) {
  const folder = temporaryFolder();
  const images: Record<string, Buffer> = {};
  for (const [name, side] of Object.entries(names)) {
    images[name] = await picture(side);
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), images[name]);
    utimesSync(join(folder, name), 1_700_000_000, 1_700_000_000);
  }
  return { folder, images };
}

function pack(folder: string, archive: string, ...options: string[]): string {
  execFileSync('tar', [...options, '-c', '-f', archive, '-C', folder, '.']);
  return archive;
}

async function saved(topic: string, ...options: string[]): Promise<string> {
  const output = join(temporaryFolder(), 'output');
  await succeed('consumer', [
    '-t',
    topic,
    '-gid',
    `${topic}${options.join('')}`,
    '-o',
    output,
    '--exit-at-end',
    ...options,
  ]);
  return output;
}

/** Files and what is in them. */
function treeOf(output: string): Record<string, string> {
  return Object.fromEntries(
    filesIn(output).map((file) => [file, sha256Of(readFileSync(join(output, file)))]),
  );
}

test('what went into shards comes back as the same images: ids, customers, dates, bytes', async () => {
  const { folder } = await pictures({
    'lab/a.png': 12,
    'lab/b.c.png': 13,
    'gate 1/é.png': 14,
    'lab/large.png': 700,
  });
  const [topic, copy, reencoded] = [
    await createTopic(2, '500000'),
    await createTopic(2, '500000'),
    await createTopic(),
  ];
  await succeed('producer', [
    folder,
    '--recursive',
    '-t',
    topic,
    '--customer-from-path',
    '(?<customer>[^/]+)/',
  ]);
  await succeed('producer', ['-n', '2', '-t', topic, '--width', '20', '--height', '10', '--encoding', 'npy']);
  const files = await saved(topic);

  const shards = await saved(topic, '--layout', 'webdataset');
  const sent = await start('producer', [`${shards}/**/*.tar`, '-t', copy, '--json']).ended;
  expect(sent.exitCode).toBe(0);
  expect(summaryOf(sent.stdout)).toMatchObject({ images: 6, failed: 0 });
  expect(treeOf(await saved(copy))).toEqual(treeOf(files));

  const webp = await saved(topic, '--layout', 'webdataset', '--save-as', 'webp');
  const again = await start('producer', [webp, '--recursive', '-t', reencoded, '--json']).ended;
  expect(summaryOf(again.stdout)).toMatchObject({ images: 6, failed: 0 });
  expect(again.stderr).toContain('does not have the SHA-256 in its json');
  expect(Object.keys(treeOf(await saved(reencoded)))).toEqual(
    Object.keys(treeOf(files)).map((file) => file.replace(/png$/, 'webp')),
  );
}, 60_000);

test('archives behave as folders do: twice is once, customers come from paths, what is bad is named, --dry-run sends nothing', async () => {
  const { folder, images } = await pictures({ 'lab/a.png': 12, 'gate/b.png': 13, 'gate/c.png': 400 });
  const inputs = temporaryFolder();
  pack(folder, join(inputs, 'tar.tar'));
  pack(folder, join(inputs, 'gz.tgz'), '-z');
  writeFileSync(join(folder, 'lab', 'empty.png'), '');
  pack(folder, join(inputs, 'bad.tar'));
  const topic = await createTopic(1, '100000');

  const dry = await start('producer', [join(inputs, 'bad.tar'), '-t', topic, '--dry-run', '--json']).ended;
  expect(dry.exitCode).toBe(1);
  expect(JSON.parse(dry.stdout.trimEnd().split('\n').at(-1)!)).toMatchObject({ images: 3, failed: 1 });
  expect(dry.stderr).toContain('bad.tar: lab/empty.png cannot be sent: file is empty');

  for (let time = 0; time < 2; time++) {
    const args = [inputs, '-t', topic, '--customer-from-path', '[^/]+/(?<customer>[^/]+)/', '--json'];
    const { exitCode, stdout, stderr } = await start('producer', args).ended;
    expect(exitCode).toBe(1);
    expect(summaryOf(stdout)).toMatchObject({ images: 9, failed: 1 });
    expect(stderr).toContain('bad.tar: lab/empty.png was not sent: file is empty');
  }
  const output = await saved(topic);
  expect(hashesOf(output)).toEqual(
    Object.values(images)
      .flatMap((bytes) => [bytes, bytes, bytes].map(sha256Of))
      .toSorted(),
  );
  expect(filesIn(output).filter((file) => file.startsWith('customer=lab/date=2023-11-14/a-'))).toHaveLength(
    3,
  );
});

test.skipIf(process.platform !== 'linux')(
  'an image in an archive is sent with the memory of its chunks, packed or not',
  async () => {
    const { folder } = await pictures({ 'a.png': 12 });
    const size = 260 * MiB;
    // What is behind the end of an image belongs to the file.
    truncateSync(join(folder, 'a.png'), size);
    const inputs = temporaryFolder();
    execFileSync('tar', ['-c', '-f', join(inputs, 'a.tar'), '-C', folder, 'a.png']);
    execFileSync('tar', ['-c', '-z', '-f', join(inputs, 'b.tgz'), '-C', folder, 'a.png']);
    const topic = await createTopic(1, '1048588');
    const running = start('producer', [inputs, '-t', topic, '--json']);
    const peak = peakMemoryOf(running);
    const { exitCode, stdout } = await running.ended;
    console.log(`peak memory: ${Math.round(peak() / MiB)} MiB`);
    expect(exitCode).toBe(0);
    expect(summaryOf(stdout)).toMatchObject({ images: 2, failed: 0, payloadBytes: 2 * size });
    expect(peak()).toBeLessThan(size);
  },
  120_000,
);

test('archives in a bucket are read in parts, and those below a prefix too', async () => {
  const { folder, images } = await pictures({ 'a.png': 12, 'b.png': 700, 'sub/c.png': 13 });
  const bucket = s3Folder();
  await bucket.put('shards/1.tar', readFileSync(pack(folder, join(temporaryFolder(), 'a.tar'))));
  await bucket.put('shards/2.tgz', readFileSync(pack(folder, join(temporaryFolder(), 'a.tgz'), '-z')));
  await bucket.put('shards/d.png', images['a.png']!);
  const topic = await createTopic(1, '500000');
  for (const [input, count] of [
    [`${bucket.url}/shards/`, 7],
    [`${bucket.url}/shards/1.tar`, 3],
  ] as const) {
    const { exitCode, stdout } = await start('producer', [input, '-t', topic, '--json'], s3Environment).ended;
    expect(exitCode).toBe(0);
    expect(summaryOf(stdout)).toMatchObject({ images: count, failed: 0 });
  }
  const output = await saved(topic);
  const [a, b, c] = ['a.png', 'b.png', 'sub/c.png'].map((name) => sha256Of(images[name]!));
  expect(new Set(hashesOf(output))).toEqual(new Set([a, b, c]));
  // By itself, an object has its whole key for a path: its images are other ones.
  expect(filesIn(output)).toHaveLength(10);
});

const shardWriter = `
import sys
import webdataset

files = sys.argv[2:]
with webdataset.ShardWriter(sys.argv[1], maxcount=2, verbose=0) as writer:
    for index, name in enumerate(files):
        with open(name, 'rb') as file:
            writer.write({
                '__key__': f'sub/{index:06d}',
                'png': file.read(),
                'cls': index,
                'txt': f'picture {index}',
                'json': {'caption': 'a picture', 'id': index, 'url': 'http://localhost/a.png'},
            })
`;

describe.skipIf(!hasPython)("WebDataset's own shards", () => {
  beforeAll(preparePython, 300_000);

  test.each(['%06d.tar', '%06d.tar.gz'])(
    '%s: every image is sent, and nothing beside it fails',
    async (pattern) => {
      const { folder, images } = await pictures({ 'a.png': 12, 'b.png': 13, 'c.png': 400 });
      const shards = temporaryFolder();
      const files = Object.keys(images).map((name) => join(folder, name));
      await promisify(execFile)(python, ['-c', shardWriter, join(shards, pattern), ...files]);
      expect(filesIn(shards)).toHaveLength(2);
      const topic = await createTopic(1, '100000');
      const { exitCode, stdout, stderr } = await start('producer', [shards, '-t', topic, '--json']).ended;
      expect(exitCode).toBe(0);
      expect(summaryOf(stdout)).toMatchObject({ images: 3, failed: 0 });
      expect(stderr.match(/are not sent: only images travel/g)).toHaveLength(1);
      expect(hashesOf(await saved(topic))).toEqual(Object.values(images).map(sha256Of).toSorted());
    },
  );
});
