import { randomUUID } from 'node:crypto';
import { startKafka } from '@image-stream/local-kafka';
import type { KafkaCluster } from '@image-stream/local-kafka';
import kafkajs from 'kafkajs';
import type { Admin, IHeaders, Kafka } from 'kafkajs';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { createSender, createTopicReader } from './index.ts';
import type { Sender } from './index.ts';
import { createTopics } from '../../kafka-config/src/topics.test-support.ts';

let cluster: KafkaCluster;
let kafka: Kafka;
let admin: Admin;
beforeAll(async () => {
  cluster = await startKafka();
  kafka = new kafkajs.Kafka({
    brokers: cluster.bootstrapServers.split(','),
    logLevel: 0,
    requestTimeout: 2000,
  });
  admin = kafka.admin();
  await admin.connect();
});
afterAll(async () => {
  await admin.disconnect();
  await cluster.stop();
});

async function createTopic(maxMessageBytes: number): Promise<string> {
  const topic = `topic-${randomUUID()}`;
  const configEntries = [{ name: 'max.message.bytes', value: String(maxMessageBytes) }];
  await createTopics(admin, { topic, numPartitions: 3, configEntries });
  return topic;
}

/** A sender, how many requests it sent, when it next says that it has to send again, and whether that is over. */
async function openSender(
  topic: string,
): Promise<{ sender: Sender; requests: () => number; warned: () => Promise<void>; isOver: () => boolean }> {
  let requests = 0;
  let isOver = true;
  let warn = (): void => {};
  // A broker that has not heard of a new topic yet is an outage, too.
  const warned = (): Promise<void> =>
    new Promise((resolve) => {
      warn = resolve;
    });
  const sender = await createSender({
    connect: (createPartitioner) => {
      const client = kafka.producer({ createPartitioner, retry: { retries: 0 } });
      client.on('producer.network.request', ({ payload }) => {
        requests += payload.apiName === 'Produce' ? 1 : 0;
      });
      return client;
    },
    partitioner: kafkajs.Partitioners.DefaultPartitioner,
    request: { topic, acks: -1 },
    deliveryTimeoutMs: 60_000,
    batchBytes: 100_000,
    outage: {
      failed() {
        isOver = false;
        warn();
      },
      over() {
        isOver = true;
      },
    },
  });
  onTestFinished(() => sender.close());
  return { sender, requests: () => requests, warned, isOver: () => isOver };
}

/** How many records each partition holds. */
async function records(topic: string): Promise<number[]> {
  const offsets = await admin.fetchTopicOffsets(topic);
  return offsets.toSorted((a, b) => a.partition - b.partition).map(({ high }) => Number(high));
}

const record = (index: number, bytes = 1000): { key: string; value: Buffer } => ({
  key: `image-${index}`,
  value: Buffer.alloc(bytes, index),
});

test('small records that are on their way at once share requests, and go where their keys say', async () => {
  const topic = await createTopic(1_000_000);
  const { sender, requests } = await openSender(topic);
  const partitions = [await sender.send(record(0))];
  const others = Array.from({ length: 499 }, (_, index) => sender.send(record(index + 1)));
  partitions.push(...(await Promise.all(others)));

  const counts = [0, 1, 2].map((partition) => partitions.filter((one) => one === partition).length);
  expect(await records(topic)).toEqual(counts);
  expect(Math.min(...counts)).toBeGreaterThan(0);
  // A hundred kilobytes each, and the first of each partition alone.
  expect(requests()).toBeLessThan(20);
  // Where nothing else is on its way, nothing is waited for.
  expect(await sender.send(record(0))).toBe(partitions[0]);
});

test('of records that share a request, only the one that is too large is refused', async () => {
  const topic = await createTopic(20_000);
  const { sender } = await openSender(topic);
  await sender.send(record(0));
  const sizes = [500, 500, 30_000, 500, 500];
  const results = await Promise.allSettled(sizes.map((bytes, index) => sender.send(record(index, bytes), 1)));
  expect(results.map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
  ]);
  expect(results[2]).toMatchObject({ reason: { message: expect.stringContaining('max.message.bytes') } });
  expect((await records(topic))[1]).toBeGreaterThanOrEqual(4);
});

test('headers arrive as they are: without a value, repeated, of any name', async () => {
  const topic = await createTopic(1_000_000);
  const { sender } = await openSender(topic);
  const headers = { none: null, ['__proto__']: [null, Buffer.from('1'), Buffer.alloc(0)] };
  const sent = [record(0), record(1), record(2)].map((one) => ({
    ...one,
    headers: headers as object as IHeaders,
  }));
  await sender.send(sent[0]!, 0);
  await Promise.all(sent.map((one) => sender.send(one, 0)));
  const reader = await createTopicReader(kafka, topic);
  onTestFinished(() => reader.close());
  let read = 0;
  for await (const { headers: arrived } of reader.range(0, 0n, 4n)) {
    expect(Object.entries(arrived)).toEqual(Object.entries(headers));
    read += 1;
  }
  expect(read).toBe(4);
});

test('a bug ends the sending of its record at once, with its stack, and of no other', async () => {
  const topic = await createTopic(1_000_000);
  const { sender, warned } = await openSender(topic);
  // The client calculates with it.
  const spoilt = { ...record(1), timestamp: Symbol('no number') as unknown as string };
  const isRetried = warned().then(() => 'retried');
  const outcome = (): Promise<unknown> =>
    Promise.race([sender.send(spoilt, 0).catch((error: unknown) => error), isRetried]);
  const bug = { name: 'TypeError', stack: expect.stringContaining('kafkajs') as string };
  expect(await outcome()).toMatchObject(bug);
  await sender.send(record(0), 0);
  const others = [sender.send(record(0), 0), sender.send(record(2), 0), sender.send(record(3), 0)];
  expect(await outcome()).toMatchObject(bug);
  expect(await Promise.all(others)).toEqual([0, 0, 0]);
  expect((await records(topic))[0]).toBe(4);
});

test('what a client runs into while it is replaced is tried again with the next one', async () => {
  const topic = await createTopic(1_000_000);
  let clients = 0;
  const sender = await createSender({
    connect(createPartitioner) {
      const client = kafka.producer({ createPartitioner, retry: { retries: 0 } });
      clients += 1;
      if (clients > 1) {
        return client;
      }
      let sends = 0;
      const send = async (): Promise<never> => {
        sends += 1;
        if (sends === 1) {
          throw new Error('lost');
        }
        await vi.waitUntil(() => clients > 1);
        throw new TypeError("Cannot read properties of null (reading 'brokers')");
      };
      return { ...client, send };
    },
    partitioner: kafkajs.Partitioners.DefaultPartitioner,
    request: { topic, acks: -1 },
    deliveryTimeoutMs: 60_000,
    batchBytes: 100_000,
    outage: { failed() {}, over() {} },
  });
  onTestFinished(() => sender.close());
  expect(await Promise.all([sender.send(record(0), 0), sender.send(record(1), 1)])).toEqual([0, 1]);
  expect(clients).toBe(2);
});

test('while a broker stands still, what waits behind it is sent again and arrives', async () => {
  const topic = await createTopic(1_000_000);
  const { sender, warned, isOver } = await openSender(topic);
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const { partitionId, leader } = topics[0]!.partitions[0]!;
  await sender.send(record(0), partitionId);
  // What other brokers acknowledge would end the outage.
  const broker = cluster.brokers[leader - 1]!;
  await broker.pause();
  const isStill = warned();
  const sent = Promise.all(
    Array.from({ length: 200 }, (_, index) => sender.send(record(index + 1), partitionId)),
  );
  await isStill;
  expect(isOver()).toBe(false);
  broker.resume();
  expect(await sent).toHaveLength(200);
  expect(isOver()).toBe(true);
  // Some may be there twice: what was not acknowledged in time may have been written.
  expect((await records(topic)).reduce((a, b) => a + b)).toBeGreaterThanOrEqual(201);
});

test('a sender whose broker is gone for good can be closed', async () => {
  const ownCluster = await startKafka();
  const client = new kafkajs.Kafka({ brokers: ownCluster.bootstrapServers.split(','), logLevel: 0 });
  const sender = await createSender({
    connect: (createPartitioner) => client.producer({ createPartitioner, retry: { retries: 0 } }),
    partitioner: kafkajs.Partitioners.DefaultPartitioner,
    request: { topic: 'pictures', acks: -1 },
    deliveryTimeoutMs: 2000,
    outage: { failed() {}, over() {} },
  });
  await ownCluster.stop();
  await expect(sender.send(record(0))).rejects.toThrow();
  await expect(sender.close()).resolves.toBeUndefined();
});

test('nothing is given up before its time, and what other brokers have goes on while a partition has no leader', async () => {
  // Soon nobody leads what the paused broker led.
  const config = { 'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '500' };
  const own = await startKafka({ brokers: 3, config });
  onTestFinished(() => own.stop());
  const brokers = own.bootstrapServers.split(',');
  const ownAdmin = new kafkajs.Kafka({ brokers, logLevel: 0 }).admin();
  await ownAdmin.connect();
  const topic = 'pictures';
  const replicaAssignment = [1, 2, 3].map((broker, partition) => ({ partition, replicas: [broker] }));
  await createTopics(ownAdmin, { topic, replicaAssignment });
  await ownAdmin.disconnect();

  // So short that each of the client's own time limits is passed, too.
  const limits = { requestTimeout: 1000, connectionTimeout: 300, authenticationTimeout: 300 };
  const client = new kafkajs.Kafka({ brokers, logLevel: 0, ...limits });
  let [clients, failures, besides] = [0, 0, 0];
  let isLeaderless = false;
  const sender = await createSender({
    connect(createPartitioner) {
      clients += 1;
      return client.producer({ createPartitioner, retry: { retries: 0 } });
    },
    partitioner: kafkajs.Partitioners.DefaultPartitioner,
    request: { topic, acks: -1 },
    deliveryTimeoutMs: 120_000,
    batchBytes: 100_000,
    outage: {
      failed(reason) {
        failures += 1;
        isLeaderless ||= reason.includes('no leader');
      },
      over() {},
    },
  });
  onTestFinished(() => sender.close());
  await Promise.all([0, 1, 2].map((partition) => sender.send(record(0), partition)));

  await own.brokers[0]!.pause();
  const isOver = (): boolean => failures > 200 && besides > 100;
  const behindIt = Array.from({ length: 20 }, (_, index) => sender.send(record(index, 100_000), 0));
  const besideIt = Array.from({ length: 20 }, async (_, index) => {
    while (!isOver()) {
      await sender.send(record(index), 1);
      besides += isLeaderless ? 1 : 0;
    }
  });
  const sent = Promise.allSettled([...behindIt, ...besideIt]);
  await vi.waitUntil(isOver, { timeout: 120_000 });
  expect(clients).toBeGreaterThan(1);
  own.brokers[0]!.resume();
  expect((await sent).filter(({ status }) => status === 'rejected')).toEqual([]);
}, 240_000);
