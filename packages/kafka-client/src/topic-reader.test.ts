import { randomUUID } from 'node:crypto';
import { startKafka } from '@image-stream/local-kafka';
import type { KafkaCluster } from '@image-stream/local-kafka';
import kafkajs from 'kafkajs';
import type { Admin, Kafka } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createTopicReader, readNewest } from './index.ts';
import type { TopicReader, TopicRecord } from './index.ts';
import { createTopics } from '../../kafka-config/src/topics.test-support.ts';

let cluster: KafkaCluster;
let kafka: Kafka;
let admin: Admin;
beforeAll(async () => {
  cluster = await startKafka();
  const brokers = cluster.bootstrapServers.split(',');
  kafka = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING });
  admin = kafka.admin();
  await admin.connect();
});
afterAll(async () => {
  await admin.disconnect();
  await cluster.stop();
});

describe('a topic', () => {
  test('is read from any offset, up to its end and then live', async () => {
    const topic = await createTopic(2);
    await send(topic, 0, ['a', 'b', 'c']);
    await send(topic, 1, ['x']);
    const reader = await open(topic);
    expect(await reader.offsets()).toEqual(
      new Map([
        [0, { low: 0n, high: 3n, highWatermark: 3n }],
        [1, { low: 0n, high: 1n, highWatermark: 1n }],
      ]),
    );

    const first = await reader.fetch(new Map([[0, 1n]]));
    expect(values(first.records)).toEqual(['0/1 b', '0/2 c']);
    expect(first.next).toEqual(new Map([[0, 3n]]));

    const waiting = reader.fetch(first.next);
    await send(topic, 0, ['d']);
    // The wait is short: it may have ended before the record came.
    const { records } = (await waiting).records.length > 0 ? await waiting : await reader.fetch(first.next);
    expect(values(records)).toEqual(['0/3 d']);
  });

  test('gives a single record, or none where there is none', async () => {
    const topic = await createTopic(1);
    await send(topic, 0, ['a', 'b']);
    const reader = await open(topic);
    expect((await reader.at(0, 1n))?.value?.toString()).toBe('b');
    expect([await reader.at(0, 2n), await reader.at(5, 0n)]).toEqual([undefined, undefined]);
  });

  test('is read until the signal, however much there is', async () => {
    const topic = await createTopic(1);
    await send(topic, 0, ['a', 'b', 'c']);
    const stopping = new AbortController();
    const reader = await open(topic, stopping.signal);
    const reason = new Error('stopped');
    const seen: string[] = [];
    const reading = async (): Promise<void> => {
      for await (const record of reader.range(0, 0n, 3n)) {
        seen.push(...values([record]));
        stopping.abort(reason);
      }
    };
    await expect(reading()).rejects.toBe(reason);
    expect(seen).toEqual(['0/0 a']);
    await expect(createTopicReader(kafka, topic, { signal: stopping.signal })).rejects.toBe(reason);
  });

  test.each<[string, (reader: TopicReader) => Promise<unknown>]>([
    ['its ends', (reader) => reader.offsets()],
    ['a time', (reader) => reader.offsetsAt(new Date())],
    ['a record', (reader) => reader.at(0, 0n)],
    ['many', (reader) => all(reader.range(0, 0n, 1n))],
  ])('asked for %s, does not wait for a broker that is silent once it is stopped', async (_what, ask) => {
    const topic = await createTopic(1);
    await send(topic, 0, ['a']);
    const stopping = new AbortController();
    const reader = await open(topic, stopping.signal);
    const reason = new Error('stopped');
    await cluster.brokers[0]!.pause();
    onTestFinished(() => cluster.brokers[0]!.resume());
    const answer = ask(reader);
    stopping.abort(reason);
    await expect(answer).rejects.toBe(reason);
  });

  test('leaves no group behind', async () => {
    const topic = await createTopic(1);
    await send(topic, 0, ['a']);
    const reader = await open(topic);
    await all(reader.range(0, 0n, 1n));
    expect((await admin.listGroups()).groups).toEqual([]);
  });

  test('of which the beginning was removed is read from where it begins now', async () => {
    const topic = await createTopic(1);
    await send(topic, 0, ['a', 'b', 'c']);
    const reader = await open(topic);
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });
    expect(await all(reader.range(0, 0n, 3n))).toEqual(['0/2 c']);
  });

  test('whose records do not fit one fetch is read in several', async () => {
    const topic = await createTopic(1);
    const large = 'x'.repeat(900_000);
    for (let index = 0; index < 6; index += 1) {
      await send(topic, 0, [large]);
    }
    const reader = await open(topic);
    const { records } = await reader.fetch(new Map([[0, 0n]]));
    expect(records.length).toBeLessThan(6);
    expect(await all(reader.range(0, 0n, 6n))).toHaveLength(6);
  });

  test('that does not exist is named', async () => {
    await expect(createTopicReader(kafka, 'no-such-topic')).rejects.toThrow(
      "there is no topic 'no-such-topic'; name another one with --topic",
    );
  });

  test('is read on after its broker was away', async () => {
    const topic = await createTopic(1);
    await send(topic, 0, ['a']);
    const reader = await open(topic);
    await all(reader.range(0, 0n, 1n));
    await cluster.brokers[0]!.restart();
    expect(await all(reader.range(0, 0n, 1n))).toEqual(['0/0 a']);
  });
});

test('the newest records that count are found, however far back they are', async () => {
  const topic = await createTopic(1);
  const names = Array.from({ length: 40 }, (_, index) => (index % 10 === 0 ? `wanted-${index}` : 'other'));
  await send(topic, 0, names);
  const reader = await open(topic);
  const { low, high } = (await reader.offsets()).get(0)!;
  const wanted = async ({ value }: TopicRecord): Promise<string | undefined> =>
    value?.toString().startsWith('wanted') === true ? value.toString() : undefined;
  const newest = (count: number): Promise<string[]> => readNewest(reader, 0, { low, high }, count, wanted);
  expect(await newest(2)).toEqual(['wanted-20', 'wanted-30']);
  expect(await newest(9)).toEqual(['wanted-0', 'wanted-10', 'wanted-20', 'wanted-30']);
});

async function createTopic(numPartitions: number): Promise<string> {
  const topic = `reader-${randomUUID()}`;
  await createTopics(admin, { topic, numPartitions });
  return topic;
}

async function send(topic: string, partition: number, texts: string[]): Promise<void> {
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({ topic, messages: texts.map((value) => ({ partition, value })) });
  await producer.disconnect();
}

async function open(topic: string, signal?: AbortSignal): Promise<TopicReader> {
  const reader = await createTopicReader(kafka, topic, signal === undefined ? {} : { signal });
  onTestFinished(() => reader.close());
  return reader;
}

function values(records: readonly TopicRecord[]): string[] {
  return records.map(({ partition, offset, value }) => `${partition}/${offset} ${String(value)}`);
}

async function all(records: AsyncIterable<TopicRecord>): Promise<string[]> {
  const found: TopicRecord[] = [];
  for await (const record of records) {
    found.push(record);
  }
  return values(found);
}
