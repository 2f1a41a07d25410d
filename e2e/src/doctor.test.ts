import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Diagnosis } from '@image-stream/doctor';
import { describe, expect, onTestFinished, test } from 'vitest';
import { closedPort, temporaryFolder } from './files.test-support.ts';
import { createTopic, createTopicNamed, send, uniqueName, withAdmin } from './kafka.test-support.ts';
import { commandOf, run, start, succeed } from './programs.test-support.ts';

type Program = 'producer' | 'consumer';

async function diagnose(
  program: Program,
  ...args: string[]
): Promise<Diagnosis & { exitCode: number | null }> {
  const { exitCode, stdout, stderr } = await start(program, ['doctor', ...args, '--json', '--quiet']).ended;
  expect(stderr).toBe('');
  return { ...(JSON.parse(stdout) as Diagnosis), exitCode };
}

/** What a doctor says about one thing. */
const about = ({ findings }: Diagnosis, check: string) =>
  findings.filter((finding) => finding.check === check).map(({ status, seen }) => `${status}: ${seen}`);

test.each<Program>(['producer', 'consumer'])('who stops the %s doctor gets no diagnosis', async (program) => {
  const silent = createServer();
  onTestFinished(() => void silent.close());
  await once(silent.listen(0, '127.0.0.1'), 'listening');
  const { port } = silent.address() as AddressInfo;
  const asked = once(silent, 'connection');
  const { process: child, ended } = start(program, [
    'doctor',
    '-bs',
    `127.0.0.1:${port}`,
    '-t',
    uniqueName(),
  ]);
  await asked;
  child.kill('SIGINT');
  const { exitCode, stdout, stderr } = await ended;
  expect(stderr).toMatch(new RegExp(`\\n${program} doctor: stopped before everything was checked\\n$`));
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
});

describe('all that a program needs is looked at, and nothing is changed', () => {
  test('producer', async () => {
    const topic = await createTopic(3, '20000000');
    const diagnosis = await diagnose('producer', '-t', topic);

    expect(diagnosis).toMatchObject({ exitCode: 0, problems: 0, warnings: 1 });
    expect(about(diagnosis, 'Node.js')[0]).toContain(process.versions.node);
    expect(about(diagnosis, 'images')).toEqual([
      'ok: reads and writes png, jpeg, webp, avif, tiff, gif, npy',
    ]);
    expect(about(diagnosis, 'broker')[0]).toMatch(/^ok: \S+:\d+ answered in \d+ ms; Kafka 4 or later$/);
    expect(about(diagnosis, 'cluster')[0]).toMatch(/^ok: .+, 1 broker$/);
    expect(about(diagnosis, 'topic')).toEqual([`ok: ${topic}: 3 partitions, 1 replica each`]);
    expect(about(diagnosis, 'durability')).toEqual([
      'warning: 1 replica: images can be lost with one broker',
    ]);
    expect(about(diagnosis, 'cleanup')).toEqual(['ok: cleanup.policy=delete']);
    expect(about(diagnosis, 'retention')).toEqual(['ok: records are kept for 7 d']);
    expect(about(diagnosis, 'size limit')[0]).toMatch(/^ok: max\.message\.bytes=20000000 \(20\.0 MB\)/);
    expect(about(diagnosis, 'permission')).toEqual([`ok: may write to topic ${topic}`]);
    await withAdmin(async (admin) => {
      expect((await admin.fetchTopicOffsets(topic)).map(({ high }) => high)).toEqual(['0', '0', '0']);
    });
  });

  test('consumer', async () => {
    const topic = await createTopic();
    await send(topic, { value: 'one' }, { value: 'two' });
    const parent = temporaryFolder();
    const diagnosis = await diagnose('consumer', '-t', topic, '-gid', topic, '-o', join(parent, 'output'));

    expect(diagnosis).toMatchObject({ exitCode: 0, problems: 0 });
    expect(about(diagnosis, 'output')[0]).toBe(
      `ok: ${join(parent, 'output')} will be made in ${parent}, which can be written to`,
    );
    expect(about(diagnosis, 'hard links')).toEqual(['ok: work']);
    expect(about(diagnosis, 'free space')[0]).toMatch(/^ok: [\d.]+ .B of [\d.]+ .B are free$/);
    expect(about(diagnosis, 'disk speed')[0]).toMatch(
      /[\d.]+ ms for a small file \(of \d+\), [\d.]+ .B\/s for one of 8\.4 MB/,
    );
    expect(about(diagnosis, 'group')).toEqual([`ok: ${topic} does not exist yet, and has 2 records to read`]);
    expect(about(diagnosis, 'dead letters')).toEqual([
      `ok: ${topic}.dead-letter will be created with the first bad record`,
    ]);
    expect(about(diagnosis, 'permission')).toEqual([
      `ok: may read topic ${topic}`,
      `ok: may read as group ${topic}`,
      `ok: may create topic ${topic}.dead-letter`,
    ]);
    expect(readdirSync(parent)).toEqual([]);
    await withAdmin(async (admin) => {
      expect(await admin.listTopics()).not.toContain(`${topic}.dead-letter`);
      expect((await admin.listGroups()).groups.map(({ groupId }) => groupId)).not.toContain(topic);
    });
  });
});

test('a topic that does not exist is not created', async () => {
  const topic = uniqueName();
  const diagnosis = await diagnose('producer', '-t', topic);
  expect(about(diagnosis, 'topic')).toEqual([
    `warning: ${topic} does not exist, or this user may not see it`,
  ]);
  expect(about(diagnosis, 'permission')).toEqual([`ok: may create topic ${topic}`]);
  expect(await withAdmin((admin) => admin.listTopics())).not.toContain(topic);
});

test('a dead-letter topic with less room than a record and the reason can take', async () => {
  const topic = await createTopic(1, '1000000');
  await createTopicNamed(`${topic}.dead-letter`, { 'max.message.bytes': '1000000' });
  const diagnosis = await diagnose('consumer', '-t', topic, '-o', temporaryFolder());
  expect(about(diagnosis, 'dead letters')[0]).toMatch(
    /^warning: \S+ takes 1000000 bytes, and the largest record of \S+ with the reason may have 1131072: /,
  );
});

test('a topic with a small limit, and settings that lose images', async () => {
  const topic = await createTopic(1, '100000');
  const configEntries = [
    { name: 'cleanup.policy', value: 'compact,delete' },
    { name: 'min.insync.replicas', value: '2' },
    { name: 'retention.ms', value: '3600000' },
  ];
  await withAdmin((admin) =>
    admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: topic, configEntries }] }),
  );
  const diagnosis = await diagnose('producer', '-t', topic, '-mrs', '200000');

  expect(diagnosis.exitCode).toBe(1);
  expect(about(diagnosis, 'durability')[0]).toMatch(
    /^problem: min\.insync\.replicas=2, .* more than the 1 replica there are/,
  );
  expect(about(diagnosis, 'cleanup')[0]).toMatch(
    /^problem: cleanup\.policy=compact,delete: of an image in chunks/,
  );
  expect(about(diagnosis, 'retention')[0]).toMatch(/^warning: records are kept for 1 h/);
});

test('a limit below --max-request-size', async () => {
  const topic = await createTopic(1, '100000');
  const diagnosis = await diagnose('producer', '-t', topic, '-mrs', '200000');
  expect(about(diagnosis, 'size limit')[0]).toMatch(
    /^warning: max\.message\.bytes=100000 \(100\.0 kB\) is less than --max-request-size 200000/,
  );
  expect(diagnosis.exitCode).toBe(0);
});

test('a group with members, and how far it is behind', async () => {
  const topic = await createTopic();
  await succeed('producer', ['-n', '1', '-t', topic, '--width', '16', '--height', '16']);
  await succeed('consumer', ['-t', topic, '-gid', topic, '-o', temporaryFolder(), '--exit-at-end']);
  const diagnosis = await diagnose('consumer', '-t', topic, '-gid', topic, '-o', temporaryFolder());
  expect(about(diagnosis, 'group')).toEqual([`ok: ${topic} has 0 members (Empty) and is 0 records behind`]);
});

test.each(['producer', 'consumer'] as const)('%s: no broker', async (program) => {
  const servers = `localhost:${await closedPort()}`;
  const args = program === 'consumer' ? ['-o', temporaryFolder()] : [];
  const started = performance.now();
  const diagnosis = await diagnose(program, '-bs', servers, ...args);

  expect(diagnosis.exitCode).toBe(1);
  expect(diagnosis.findings.filter(({ status }) => status === 'problem')).toEqual([
    {
      check: 'broker',
      status: 'problem',
      seen: expect.stringContaining(`cannot reach Kafka at ${servers}: nothing listens there`) as string,
      advice: expect.any(String) as string,
    },
  ]);
  // What it promises its users, not how fast this machine is.
  expect(performance.now() - started).toBeLessThan(15_000);
});

test('a wrong setting is a finding, and the disk is looked at all the same', async () => {
  const diagnosis = await diagnose('consumer', '-X', 'linger=1', '-o', temporaryFolder());
  expect(diagnosis.exitCode).toBe(1);
  expect(about(diagnosis, 'settings')[0]).toMatch(/^problem: property 'linger' \(-X\) is not known/);
  expect(about(diagnosis, 'hard links')).toEqual(['ok: work']);
});

test.each([
  ['of a request', ['-X', 'request.timeout.ms=5000', '-X', 'fetch.max.wait.ms=4000']],
  ['of a fetch, longer than a question of the doctor', ['-X', 'fetch.max.wait.ms=4000']],
])('a timeout that the user sets contradicts nothing: %s', async (_case, longer) => {
  const diagnosis = await diagnose('consumer', ...longer, '-o', temporaryFolder());
  expect(about(diagnosis, 'settings')).toEqual([]);
  expect(about(diagnosis, 'broker')[0]).toMatch(/^ok: /);
});

const hasNamespaces = spawnSync('unshare', ['-rm', 'true']).status === 0;

test.skipIf(!hasNamespaces)('an output directory that can only be read', async () => {
  const output = join(temporaryFolder(), 'output');
  const mount = 'mkdir "$1" && mount -t tmpfs -o ro none "$1" && shift && exec "$@"';
  const command = commandOf('consumer', ['doctor', '-o', output, '-t', uniqueName()]);
  const { exitCode, stdout } = await run('unshare', ['-rm', 'sh', '-c', mount, 'sh', output, ...command])
    .ended;

  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/^✗ output +cannot write to \S+: EROFS.*\n +-> let this user write there/m);
});

test('the room that shards need, which are not complete', async () => {
  const args = ['-t', uniqueName(), '-o', join(temporaryFolder(), 'output')];
  const room = async (layout: string, bytes: string) =>
    about(await diagnose('consumer', ...args, '--layout', layout, '--shard-bytes', bytes), 'shards')[0];
  expect(await room('webdataset', '1MiB')).toMatch(
    /^ok: those that are not complete take up to 4\.2 MB in \S+, where .* are free$/,
  );
  expect(await room('parquet', '1MiB')).toMatch(/^ok: those that are not complete take up to 8\.4 MB in /);
  expect(await room('webdataset', '1000000GiB')).toMatch(/^warning: /);
});
