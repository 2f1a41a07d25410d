import { Kafka, logLevel } from 'kafkajs';
import type { Admin } from 'kafkajs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { KafkaCluster } from './cluster.ts';
import { fetchBrokerIds } from './metadata.ts';
import { startKafka } from './start-kafka.ts';

const TOPIC = 'images';
// Kafka notices a crashed broker after 9 s by default.
const SESSION = { 'broker.session.timeout.ms': '6000', 'broker.heartbeat.interval.ms': '1000' };
const WAIT = { timeout: 60_000, interval: 200 };

let cluster: KafkaCluster;
let kafka: Kafka;
let admin: Admin;

beforeAll(async () => {
  cluster = await startKafka({ brokers: 3, config: SESSION });
  kafka = new Kafka({ brokers: cluster.bootstrapServers.split(','), logLevel: logLevel.NOTHING });
  admin = kafka.admin();
  await admin.connect();
});

afterAll(async () => {
  await admin.disconnect();
  await cluster.stop();
});

test('a topic can be placed on all three brokers at once', async () => {
  const configEntries = [{ name: 'min.insync.replicas', value: '2' }];
  await admin.createTopics({
    topics: [{ topic: TOPIC, numPartitions: 3, replicationFactor: 3, configEntries }],
    waitForLeaders: false,
  });
  await vi.waitFor(async () => expect(await inSyncReplicas()).toEqual([3, 3, 3]), WAIT);
}, 120_000);

test('with one broker killed, records are still taken by the other two', async () => {
  await cluster.brokers[0]!.kill();
  expect(cluster.brokers[0]!.pid).toBeUndefined();
  await expect(cluster.brokers[0]!.pause()).rejects.toThrow('Kafka broker 1 does not run');

  await produceToAllPartitions();
  await vi.waitFor(async () => expect(await inSyncReplicas()).toEqual([2, 2, 2]), WAIT);
}, 120_000);

test('a restarted broker has its port again and catches up', async () => {
  const [broker] = cluster.brokers;
  const { port } = broker!;
  await broker!.restart();
  expect(broker!.port).toBe(port);
  await vi.waitFor(async () => expect(await inSyncReplicas()).toEqual([3, 3, 3]), WAIT);
}, 120_000);

test('a running broker can be restarted', async () => {
  const { pid } = cluster.brokers[1]!;
  await cluster.brokers[1]!.restart();
  expect(cluster.brokers[1]!.pid).not.toBe(pid);
  await produceToAllPartitions();
}, 120_000);

test('a paused broker does not answer until it is resumed', async () => {
  const [broker] = cluster.brokers;
  await broker!.pause();
  await expect(fetchBrokerIds(broker!.port, 1_000)).rejects.toThrow('did not answer within 1000 ms');
  broker!.resume();
  await vi.waitFor(async () => expect(await fetchBrokerIds(broker!.port, 1_000)).toEqual([1, 2, 3]), WAIT);
}, 120_000);

/** What whichever broker is asked has heard of: a new topic or a death may still be news to it. */
async function inSyncReplicas(): Promise<number[]> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [TOPIC] });
  return topics[0]!.partitions.map(({ isr }) => isr.length);
}

async function produceToAllPartitions(): Promise<void> {
  const producer = kafka.producer({ retry: { retries: 30, maxRetryTime: 1_000 } });
  await producer.connect();
  const messages = [0, 1, 2].map((partition) => ({ partition, value: 'a picture' }));
  await producer.send({ topic: TOPIC, acks: -1, messages });
  await producer.disconnect();
}
