import { randomUUID } from 'node:crypto';
import { createTopicReader } from '@image-stream/kafka-client';
import { compressionCodecs, untilServed } from '@image-stream/kafka-config';
import kafkajs from 'kafkajs';
import type { Admin, IHeaders, ITopicConfig, Message } from 'kafkajs';
import { expect, onTestFinished } from 'vitest';
import { bootstrapServers } from './programs.test-support.ts';

Object.assign(kafkajs.CompressionCodecs, compressionCodecs());

/** A client that is none of ours. */
const clientOf = (servers: string) =>
  new kafkajs.Kafka({ brokers: servers.split(','), logLevel: kafkajs.logLevel.NOTHING });
const kafka = clientOf(bootstrapServers);

/** A name for a topic or group that no other test has. */
export function uniqueName(): string {
  return `e2e-${randomUUID()}`;
}

/** @param servers of a cluster of the test's own. Default: the broker that all tests share */
export async function withAdmin<T>(
  use: (admin: Admin) => Promise<T>,
  servers = bootstrapServers,
): Promise<T> {
  const admin = clientOf(servers).admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

/** A topic that no other test has; by default, for records as large as the Python application's. */
export async function createTopic(
  numPartitions = 1,
  maxMessageBytes = '13772512',
  servers = bootstrapServers,
): Promise<string> {
  const topic = uniqueName();
  const configEntries = [{ name: 'max.message.bytes', value: maxMessageBytes }];
  await withAdmin((admin) => createTopics(admin, { topic, numPartitions, configEntries }), servers);
  return topic;
}

/** A topic of a name that the test chose. */
export async function createTopicNamed(topic: string, settings: Record<string, string> = {}): Promise<void> {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  await withAdmin((admin) => createTopics(admin, { topic, configEntries }));
}

/** Creates topics and waits until they are served; `waitForLeaders` of kafkajs fails when a broker has not heard of them yet. */
export async function createTopics(admin: Admin, ...topics: ITopicConfig[]): Promise<void> {
  await admin.createTopics({ topics, waitForLeaders: false });
  for (const { topic } of topics) {
    await untilServed(() => admin.fetchTopicOffsets(topic));
  }
}

/** Deletes a topic, and waits until it is gone. */
export async function removeTopic(topic: string): Promise<void> {
  await withAdmin(async (admin) => {
    await admin.deleteTopics({ topics: [topic] });
    await expect.poll(() => admin.listTopics()).not.toContain(topic);
  });
}

/** Sends records as another program would. */
export async function send(topic: string, ...messages: Message[]): Promise<void> {
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  for (const message of messages) {
    await producer.send({ topic, messages: [message] });
  }
  await producer.disconnect();
}

/** Sends many small records, so many in a request, which makes a batch of them for each partition. */
export async function sendTogether(
  topic: string,
  messages: readonly Message[],
  batchRecords = 1000,
): Promise<void> {
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  for (let sent = 0; sent < messages.length; sent += batchRecords) {
    await producer.send({ topic, messages: messages.slice(sent, sent + batchRecords) });
  }
  await producer.disconnect();
}

/** Removes the records of partition 0 before an offset, as retention does. */
export async function removeBefore(topic: string, offset: number): Promise<void> {
  await withAdmin(async (admin) => {
    // Without this question, the client does not know the topic's leader.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
  });
}

/** Sends a record in a batch that is compressed with gzip. */
export async function sendCompressed(topic: string, message: Message): Promise<void> {
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({ topic, compression: kafkajs.CompressionTypes.GZIP, messages: [message] });
  await producer.disconnect();
}

/** A record as another program sees it. */
export interface Received {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: IHeaders;
  /** Milliseconds since 1970, as digits. */
  readonly timestamp: string;
}

/** The first `count` records of a topic; not with kafkajs's consumer, which stops at a batch that it cannot decompress. */
export async function receive(topic: string, count: number): Promise<Received[]> {
  const reader = await createTopicReader(kafka, topic);
  onTestFinished(() => reader.close());
  const messages: Received[] = [];
  let from = new Map([...(await reader.offsets())].map(([partition, { low }]) => [partition, low]));
  while (messages.length < count) {
    const { records, next } = await reader.fetch(from);
    from = new Map(next);
    messages.push(
      ...records.map((record) => ({ ...record, headers: record.headers as unknown as IHeaders })),
    );
  }
  return messages.slice(0, count);
}

/** What a group has committed, by partition; -1 where nothing. */
export async function committed(group: string, topic: string, servers = bootstrapServers): Promise<number[]> {
  const [offsets] = await withAdmin(
    (admin) => untilServed(() => admin.fetchOffsets({ groupId: group, topics: [topic] })),
    servers,
  );
  return offsets!.partitions
    .toSorted((one, other) => one.partition - other.partition)
    .map(({ offset }) => Number(offset));
}

/** How many records the topic's partitions hold. */
export async function ends(topic: string, servers = bootstrapServers): Promise<number> {
  const offsets = await withAdmin((admin) => admin.fetchTopicOffsets(topic), servers);
  return offsets.reduce((total, { low, high }) => total + Number(high) - Number(low), 0);
}

/** Changes `max.message.bytes` of a topic. */
export async function setTopicLimit(topic: string, value: string): Promise<void> {
  const configEntries = [{ name: 'max.message.bytes', value }];
  const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries };
  await withAdmin((admin) => admin.alterConfigs({ validateOnly: false, resources: [resource] }));
}

/** Deletes a topic and creates it anew, with one partition. */
export async function recreateTopic(topic: string): Promise<void> {
  await withAdmin(async (admin) => {
    await admin.deleteTopics({ topics: [topic] });
    const create = (): Promise<boolean> =>
      admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: false });
    // Until the brokers have forgotten it, they refuse; and then it takes a moment until they know it again.
    await expect.poll(() => create().catch(() => false), { timeout: 10_000 }).toBe(true);
    await untilServed(() => admin.fetchTopicOffsets(topic));
  });
}

/** Sets what a group without members has committed for partition 0. */
export async function commitOffset(groupId: string, topic: string, offset: number): Promise<void> {
  await withAdmin((admin) =>
    admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: String(offset) }] }),
  );
}

/** Sends records in a transaction. @returns what ends it; until then, it is open */
export async function beginTransaction(
  topic: string,
  ...messages: Message[]
): Promise<{ commit(): Promise<void>; abort(): Promise<void> }> {
  const producer = kafka.producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    transactionalId: uniqueName(),
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  onTestFinished(() => producer.disconnect());
  const transaction = await producer.transaction();
  for (const message of messages) {
    await transaction.send({ topic, messages: [message] });
  }
  return transaction;
}
