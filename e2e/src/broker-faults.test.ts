import { startKafka } from '@image-stream/local-kafka';
import type { KafkaBroker, KafkaCluster } from '@image-stream/local-kafka';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { get, startGallery } from './gallery.test-support.ts';
import { createTopics, withAdmin } from './kafka.test-support.ts';
import { start, succeed, summaryOf } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';

/** No figure of how long it should take: what waits for a request that nobody answers goes on after a minute or two. */
const patience = { timeout: 240_000, interval: 50 };

/** A broker that is gone is noticed, and may come back, after three seconds instead of nine; a member of a group after two. */
const config = {
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
  'group.min.session.timeout.ms': '1000',
};
const session = ['-X', 'session.timeout.ms=2000', '-X', 'heartbeat.interval.ms=300'];

/** These harm only what goes on while they do: each test finds all brokers at work, and leaves them so. */
let single: KafkaCluster;
let three: KafkaCluster;
beforeAll(async () => {
  single = await startKafka({ config });
  three = await startKafka({
    brokers: 3,
    racks: ['rack-1', 'rack-2', 'rack-3'],
    config: {
      ...config,
      'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
      // A follower that has stopped keeps its leader from handing out new records until it counts as out of sync.
      'replica.lag.time.max.ms': '3000',
    },
  });
});
afterAll(() => Promise.all([single, three].map((kafka) => kafka.stop())));

test('both sides outlive a broker that is killed and comes back', { timeout: 300_000 }, async () => {
  const { bootstrapServers, brokers } = single;
  const [broker] = brokers as [KafkaBroker];
  const output = temporaryFolder();
  const shared = ['-bs', bootstrapServers, '-t', 'killed', '--json'];
  const size = ['--width', '16', '--height', '16'];
  const producer = start('producer', [...shared, '-n', '150', '--rate', '30', '-a', 'all', ...size]);
  const consumer = start('consumer', [...shared, '-o', output, ...session]);
  await vi.waitUntil(() => filesIn(output).length > 20, patience);

  await broker.kill();
  await broker.restart();
  await allSent(producer, 150);
  await allSaved(consumer, output, 150);
  const rest = await succeed('consumer', [...shared.slice(0, 4), '-o', output, '--exit-at-end']);
  expect(rest).toMatchObject({ images: 0, failed: 0 });
});

test('of three brokers, one may be killed and come back', { timeout: 300_000 }, async () => {
  const kafka = three;
  const output = temporaryFolder();
  const shared = ['-bs', kafka.bootstrapServers, '-t', 'replicated', '--json'];
  const size = ['--width', '16', '--height', '16'];
  const wanted = ['-n', '400', '--rate', '50', '-a', 'all', '--partitions', '6', ...size];
  const producer = start('producer', [...shared, ...wanted]);
  const consumer = start('consumer', [...shared, '-o', output, ...session]);
  await vi.waitUntil(() => filesIn(output).length > 20, patience);

  await kafka.brokers[1]!.kill();
  await kafka.brokers[1]!.restart();
  // It has to end by itself, whatever the client that was given up still holds.
  await allSent(producer, 400);
  await allSaved(consumer, output, 400);
});

test('a partition without a leader is waited for, never taken for empty', { timeout: 300_000 }, async () => {
  const { bootstrapServers, brokers } = three;
  const [topic, other] = ['without-leader', 'without-leader-too'];
  const replicaAssignment = [1, 2, 3].map((id, partition) => ({ partition, replicas: [id] }));
  const topics = [topic, other].map((one) => ({ topic: one, replicaAssignment }));
  await withAdmin((admin) => createTopics(admin, ...topics), bootstrapServers);
  const shared = ['-bs', bootstrapServers, '-t', topic, '--json'];
  const images = (count: number): string[] => ['-n', String(count), '--width', '16', '--height', '16'];
  await succeed('producer', [...shared, ...images(30)]);
  const output = temporaryFolder();
  await succeed('consumer', [...shared, '-o', output, '--exit-at-end']);
  const { url } = await startGallery('-bs', bootstrapServers, '-t', topic, '--port', '0');
  const details = async (partition: number) => get(`${url}/images/${partition}/0/details`);
  await expect.poll(async () => (await details(1)).status, patience).toBe(200);

  await brokers[1]!.kill();
  await expect
    .poll(() => details(1), patience)
    .toMatchObject({ status: 503, body: expect.stringContaining('has no leader') });
  const ending = [...shared, '--exit-at-end'];
  const running = [
    start('consumer', [...ending, '-gid', 'without-leader-1', '-o', temporaryFolder(), ...session]),
    start('consumer', [...ending, '-gid', 'without-leader-2', '-o', temporaryFolder(), '--from-beginning']),
    start('consumer', [...ending, '--since', '1d', '-o', temporaryFolder()]),
    start('consumer', ['verify', ...shared, '-o', output]),
  ];
  for (const one of running) {
    await vi.waitUntil(() => /without-leader\[1\].*has no leader/.test(one.log()), patience);
    expect(one.process.exitCode).toBeNull();
  }
  const producer = start('producer', [...shared.with(3, other), ...images(12)]);
  await vi.waitUntil(() => producer.log().includes('records are not acknowledged'), patience);
  const peeked = await start('consumer', ['peek', '-bs', bootstrapServers, '-t', topic]).ended;
  expect(peeked).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('has no leader') });
  // The others are shown all the same.
  expect((await details(0)).status).toBe(200);

  await brokers[1]!.restart();
  await allSent(producer, 12);
  const outcomes = await Promise.all(running.map(({ ended }) => ended));
  expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
  const summaries = outcomes.map(({ stdout }) => summaryOf(stdout));
  const saved = { images: 30, failed: 0 };
  expect(summaries).toMatchObject([saved, saved, saved, { records: 30, missing: 0 }]);
  await expect.poll(async () => (await details(1)).status, patience).toBe(200);
});

test('the leader is read from when the nearest follower stops', { timeout: 300_000 }, async () => {
  const kafka = three;
  const shared = ['-bs', kafka.bootstrapServers, '-t', 'racks', '--json'];
  const send = ['-n', '5', '-a', 'all', '--partitions', '1', '--width', '16', '--height', '16'];
  await succeed('producer', [...shared, ...send]);
  const leader = await leaderOf(kafka.bootstrapServers, 'racks');
  const nearest = [1, 2, 3].find((id) => id !== leader)!;
  const output = temporaryFolder();
  const rack = ['-rt', '5000', '-X', `client.rack=rack-${nearest}`];
  const consumer = start('consumer', [...shared, '-o', output, ...rack]);
  await vi.waitUntil(() => filesIn(output).length === 5, patience);

  await kafka.brokers[nearest - 1]!.pause();
  onTestFinished(() => kafka.brokers[nearest - 1]!.resume());
  // Until the others take it for gone, they may name it as the controller, which the producer asks.
  const brokers = (): Promise<number[]> =>
    withAdmin(async (admin) => {
      const cluster = await admin.describeCluster();
      return cluster.brokers.map(({ nodeId }) => nodeId);
    }, kafka.bootstrapServers);
  await expect.poll(() => brokers().catch(() => [nearest]), patience).not.toContain(nearest);
  await succeed('producer', [...shared, ...send.with(3, '1')]);
  await vi.waitUntil(() => filesIn(output).length === 10, patience);
  consumer.process.kill('SIGTERM');
  expect(await consumer.ended).toMatchObject({ exitCode: 0 });
});

test('both sides outlive a broker that stops answering for a while', { timeout: 300_000 }, async () => {
  const { bootstrapServers, brokers } = single;
  const [broker] = brokers as [KafkaBroker];
  const output = temporaryFolder();
  const shared = ['-bs', bootstrapServers, '-t', 'paused', '-rt', '2000', '--json'];
  const size = ['--width', '16', '--height', '16'];
  const producer = start('producer', [...shared, '-n', '150', '--rate', '30', '-a', 'all', ...size]);
  const consumer = start('consumer', [...shared, '-o', output, ...session]);
  await vi.waitUntil(() => filesIn(output).length > 20, patience);

  await broker.pause();
  await vi.waitUntil(() => producer.log().includes('records are not acknowledged'), patience);
  broker.resume();
  await allSent(producer, 150);
  await allSaved(consumer, output, 150);
});

test('an image that is not acknowledged in time is named', { timeout: 300_000 }, async () => {
  const { bootstrapServers, brokers } = single;
  const [broker] = brokers as [KafkaBroker];
  const output = temporaryFolder();
  const wanted = ['-n', '1000', '--rate', '20', '--width', '16', '--height', '16', '--json'];
  const timeout = ['-X', 'delivery.timeout.ms=1000'];
  const producer = start('producer', ['-bs', bootstrapServers, ...wanted, ...timeout]);
  const consumer = start('consumer', ['-bs', bootstrapServers, '-o', output]);
  await vi.waitUntil(() => filesIn(output).length > 5, patience);
  consumer.process.kill('SIGKILL');

  await broker.pause();
  await vi.waitUntil(() => producer.log().includes('was not sent'), patience);
  broker.resume();
  producer.process.kill('SIGTERM');
  const { exitCode, stdout } = await producer.ended;

  expect(exitCode).toBe(1);
  const { failed } = summaryOf(stdout);
  expect(
    producer.log().match(/image [0-9a-f-]{36} was not sent: it was not acknowledged within/g),
  ).toHaveLength(failed);
});

async function allSent(producer: Running, images: number): Promise<void> {
  const { exitCode, stdout } = await producer.ended;
  expect(exitCode, producer.log()).toBe(0);
  expect(summaryOf(stdout)).toMatchObject({ images, failed: 0 });
}

async function allSaved(consumer: Running, output: string, images: number): Promise<void> {
  await vi.waitUntil(() => finished(output) >= images || consumer.process.exitCode !== null, patience);
  consumer.process.kill('SIGTERM');
  expect((await consumer.ended).exitCode, consumer.log()).toBe(0);
  expect(filesIn(output), consumer.log()).toHaveLength(images);
}

/** How many files have their final names. */
function finished(folder: string): number {
  return filesIn(folder).filter((file) => !file.startsWith('.tmp')).length;
}

async function leaderOf(servers: string, topic: string): Promise<number> {
  const { topics } = await withAdmin((admin) => admin.fetchTopicMetadata({ topics: [topic] }), servers);
  return topics[0]!.partitions[0]!.leader;
}
