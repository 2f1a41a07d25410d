import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { startKafka } from '@image-stream/local-kafka';
import kafkajs from 'kafkajs';
import type { Assigner, Cluster, Kafka } from 'kafkajs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { untilServed } from './index.ts';

const require = createRequire(import.meta.url);

/** What a consumer of kafkajs is made of. */
interface ConsumerGroup {
  connect(): Promise<void>;
  joinAndSync(): Promise<void>;
  fetch(nodeId: string): Promise<object[]>;
  resolveOffset(position: { topic: string; partition: number; offset: string }): void;
}

test('what was asked for before the group was joined again is not handed out', async () => {
  const broker = await startKafka();
  onTestFinished(() => broker.stop());
  const kafka = new kafkajs.Kafka({ brokers: [broker.bootstrapServers], logLevel: 0 });
  const topic = `topic-${randomUUID()}`;
  const { group, nodeId } = await joinGroup(kafka, topic);

  // One that is at work on the records up to 2, of which none is committed.
  group.resolveOffset({ topic, partition: 0, offset: '1' });
  const asked = group.fetch(nodeId);
  await group.joinAndSync();
  await send(kafka, topic, ['2']);

  expect(await asked).toHaveLength(0);
  expect(await group.fetch(nodeId)).toMatchObject([{ messages: [{ offset: '0' }, {}, {}] }]);
});

test('no timer is set for the past, of which Node 24 warns, and none wakes the program up every millisecond', async () => {
  const broker = await startKafka();
  onTestFinished(() => broker.stop());
  const kafka = new kafkajs.Kafka({ brokers: [broker.bootstrapServers], logLevel: 0 });
  const timers = vi.spyOn(globalThis, 'setTimeout');
  onTestFinished(() => timers.mockRestore());

  await joinGroup(kafka, `topic-${randomUUID()}`);

  const delays = timers.mock.calls.map(([, delay]) => delay ?? 0);
  // Of how long a request may take, among others.
  expect(Math.max(...delays)).toBeGreaterThan(1000);
  expect(delays.filter((delay) => delay <= 1)).toEqual([]);
});

/** A member of a new group, the only one, that reads a new topic of two records. */
async function joinGroup(kafka: Kafka, topic: string): Promise<{ group: ConsumerGroup; nodeId: string }> {
  const admin = kafka.admin();
  await admin.connect();
  onTestFinished(() => admin.disconnect());
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
  await send(kafka, topic, ['0', '1']);

  const cluster = clusterOf(kafka);
  await cluster.connect();
  onTestFinished(() => cluster.disconnect());
  await cluster.addTargetTopic(topic);
  const Group = require('kafkajs/src/consumer/consumerGroup') as new (options: object) => ConsumerGroup;
  const assigner = kafkajs.PartitionAssigners.roundRobin as (options: object) => Assigner;
  const silent = { info() {}, error() {}, warn() {}, debug() {}, namespace: () => silent };
  const group = new Group({
    groupId: `group-${topic}`,
    topics: [topic],
    topicConfigurations: { [topic]: { fromBeginning: true } },
    cluster,
    assigners: [assigner({ cluster })],
    sessionTimeout: 30_000,
    rebalanceTimeout: 60_000,
    minBytes: 1,
    maxBytes: 1_000_000,
    maxBytesPerPartition: 1_000_000,
    maxWaitTimeInMs: 5000,
    autoCommit: false,
    instrumentationEmitter: new EventEmitter(),
    logger: silent,
  });
  await group.connect();
  await untilServed(() => group.joinAndSync());
  // Positions are asked for with the first fetch.
  await group.fetch('1');
  return { group, nodeId: '1' };
}

async function send(kafka: Kafka, topic: string, values: string[]): Promise<void> {
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({ topic, messages: values.map((value) => ({ value })) });
  await producer.disconnect();
}

function clusterOf(kafka: Kafka): Cluster & { disconnect(): Promise<void> } {
  const symbols = Object.getOwnPropertySymbols(kafka);
  const symbol = symbols.find(({ description }) => description === 'private:Kafka:createCluster')!;
  const create = (kafka as unknown as Record<symbol, (options: object) => ReturnType<typeof clusterOf>>)[
    symbol
  ]!;
  return create({ allowAutoTopicCreation: false, metadataMaxAge: 300_000, isolationLevel: 0 });
}
