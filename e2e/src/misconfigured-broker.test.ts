import type { Diagnosis } from '@image-stream/doctor';
import { startKafka } from '@image-stream/local-kafka';
import type { KafkaCluster } from '@image-stream/local-kafka';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { temporaryFolder } from './files.test-support.ts';
import { createTopics, withAdmin } from './kafka.test-support.ts';
import { start, succeed } from './programs.test-support.ts';

/* A single broker, with the offsets of groups on three. One of its listeners calls it by a name that only containers know. */

const topic = 'photos';
let kafka: KafkaCluster;
beforeAll(async () => {
  kafka = await startKafka({
    config: { 'offsets.topic.replication.factor': '3' },
    listeners: { CONTAINER: 'kafka.invalid:9092' },
  });
  await withAdmin((admin) => createTopics(admin, { topic }), kafka.bootstrapServers);
});
afterAll(() => kafka.stop());

const shared = (): string[] => ['-bs', kafka.bootstrapServers, '-t', topic];

describe('a broker that calls itself by a name that does not resolve is named, with what to set', () => {
  test.each([
    ['producer', '-n', '1'],
    ['producer', 'doctor', '--json', '--quiet'],
    ['consumer', '-o', 'OUTPUT'],
    ['consumer', 'verify', '-o', 'OUTPUT'],
    ['consumer', 'peek'],
    ['consumer', 'doctor', '-o', 'OUTPUT', '--json', '--quiet'],
    ['gallery', '--port', '0'],
  ] as const)('%s %s', async (program, ...args) => {
    const server = kafka.listeners['CONTAINER']!;
    const output = temporaryFolder();
    const given = args.map((arg) => (arg === 'OUTPUT' ? output : arg));
    const { exitCode, stdout, stderr } = await start(program, [...given, '-bs', server, '-t', topic]).ended;
    const said = given.includes('doctor')
      ? (JSON.parse(stdout) as Diagnosis).findings.find(({ check }) => check === 'broker')!.seen
      : stderr;
    expect(said).toContain(
      `cannot reach Kafka at kafka.invalid:9092, as a broker of ${server} calls itself: the host name does not resolve; ` +
        'check that it runs, and that advertised.listeners on that broker names',
    );
    expect(exitCode).toBe(1);
  });
});

describe('without a coordinator, what needs a group says the cause and the setting,', () => {
  const cause =
    /The group coordinator is not available \(GROUP_COORDINATOR_NOT_AVAILABLE\); .*offsets\.topic\.replication\.factor/;

  test('the consumer while it waits', async () => {
    const { process: consumer, log, ended } = start('consumer', [...shared(), '-o', temporaryFolder()]);
    onTestFinished(() => void consumer.kill('SIGKILL'));
    await vi.waitUntil(() => cause.test(log()), { timeout: 30_000 });
    expect(log()).toContain('WARN: cannot join the group: ');
    expect(log()).not.toContain('ACL');
    consumer.kill('SIGTERM');
    expect(await ended).toMatchObject({ exitCode: 0 });
  });

  test.each([['--exit-at-end'], ['--from-beginning']])('the consumer that ends with %s', async (option) => {
    const args = [...shared(), '-o', temporaryFolder(), option];
    const { exitCode, stderr } = await start('consumer', args).ended;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(cause);
    expect(stderr).not.toContain('ACL');
  });

  test('the doctor', async () => {
    const args = ['doctor', ...shared(), '-o', temporaryFolder(), '--json', '--quiet'];
    const { exitCode, stdout } = await start('consumer', args).ended;
    const { findings } = JSON.parse(stdout) as Diagnosis;
    expect(exitCode).toBe(1);
    expect(findings.filter(({ status }) => status === 'problem')).toMatchObject([
      { check: 'group', seen: expect.stringMatching(cause) as string },
    ]);
  });
});

test('without a coordinator, what needs no group works', async () => {
  await succeed('producer', [...shared(), '-n', '2', '--width', '16', '--height', '16']);
  const output = temporaryFolder();
  expect(
    await succeed('consumer', [...shared(), '-o', output, '--since', '1h', '--exit-at-end']),
  ).toMatchObject({
    images: 2,
  });
  expect(await succeed('consumer', ['verify', ...shared(), '-o', output])).toMatchObject({ differences: 0 });
});
