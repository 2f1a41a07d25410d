import { randomUUID } from 'node:crypto';
import { startKafka } from '@image-stream/local-kafka';
import type { KafkaCluster } from '@image-stream/local-kafka';
import type * as Client from 'kafkajs';
import kafkajs from 'kafkajs-unpatched';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { clientConfig, compressionCodecs, ensureTopic, loadProperties } from '@image-stream/kafka-config';
import { createSender, createTopicReader, openProbe } from './index.ts';

/*
 * This package with kafkajs as others get it, without the patch of this repository: what its README says of that.
 */
let cluster: KafkaCluster;
let kafka: Client.Kafka;
beforeAll(async () => {
  cluster = await startKafka();
  const properties = await loadProperties({ overrides: [`bootstrap.servers=${cluster.bootstrapServers}`] });
  kafka = new kafkajs.Kafka(await clientConfig(properties, { debug: () => {} }));
  Object.assign(kafkajs.CompressionCodecs, compressionCodecs());
});
afterAll(() => cluster.stop());

test('records of all sizes arrive as they were sent', async () => {
  const topic = await createTopic();
  const sender = await createSender({
    connect: (createPartitioner) => kafka.producer({ createPartitioner }),
    partitioner: kafkajs.Partitioners.DefaultPartitioner,
    request: { topic, acks: -1 },
    deliveryTimeoutMs: 60_000,
    compressAbove: 1_000_000,
    batchBytes: 100_000,
    outage: { failed() {}, over() {} },
  });
  onTestFinished(() => sender.close());
  const sizes = [0, 1, 500, 60_000, 100_000, 2_000_000];
  await Promise.all(sizes.map((size) => sender.send({ key: `${size}`, value: Buffer.alloc(size, 'x') })));

  const received: number[] = [];
  await consume(topic, ({ key, value }) => {
    expect(value!.equals(Buffer.alloc(Number(key), 'x'))).toBe(true);
    received.push(Number(key));
    return received.length === sizes.length;
  });
  expect(received.toSorted((one, other) => one - other)).toEqual(sizes);
});

test('a topic is read without a group, and permissions are asked for', async () => {
  const topic = await createTopic();
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({ topic, messages: [{ key: 'only', value: 'x' }] });
  await producer.disconnect();

  const reader = await createTopicReader(kafka, topic);
  onTestFinished(() => reader.close());
  const found = [...(await reader.offsets())].find(([, { high }]) => high === 1n);
  expect(String((await reader.at(found![0], 0n))?.key)).toBe('only');

  const probe = await openProbe(kafka);
  onTestFinished(() => probe.close());
  expect([await probe.mayRead(topic), await probe.mayWrite(topic)]).toEqual([true, true]);
});

test('a batch beyond the bound ends a consumer that was told not to start again, with the reason', async () => {
  const topic = await createTopic();
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  const compression = kafkajs.CompressionTypes.ZSTD;
  await producer.send({ topic, compression, messages: [{ value: Buffer.alloc(1_000_000) }] });
  await producer.disconnect();

  Object.assign(kafkajs.CompressionCodecs, compressionCodecs(500_000));
  await expect(consume(topic, () => true)).rejects.toThrow(
    'a batch would be larger than 500000 bytes once decompressed',
  );
});

async function createTopic(): Promise<string> {
  const topic = `topic-${randomUUID()}`;
  const admin = kafka.admin();
  await admin.connect();
  await ensureTopic(admin, topic, { maxMessageBytes: 5_000_000 });
  await admin.disconnect();
  return topic;
}

/** Reads a topic from its beginning until `take` has enough, or the consumer ends. */
async function consume(topic: string, take: (message: Client.KafkaMessage) => boolean): Promise<void> {
  const consumer = kafka.consumer({
    groupId: topic,
    retry: { retries: 1, restartOnFailure: async ({ message }) => !message.includes('once decompressed') },
  });
  onTestFinished(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer.on('consumer.crash', ({ payload: { error, restart } }) => !restart && reject(error));
    const eachMessage = async ({ message }: Client.EachMessagePayload): Promise<void> => {
      if (take(message)) {
        resolve();
      }
    };
    consumer.run({ eachMessage }).catch(reject);
  });
}
