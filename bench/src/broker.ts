import { randomUUID } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startKafka } from '@image-stream/local-kafka';
import kafkajs from 'kafkajs';
import type { Admin, KafkaMessage } from 'kafkajs';

/** A broker of the benchmark's own. */
export interface Broker {
  readonly servers: string;
  /** A new topic for records as large as the Python application's. @returns its name */
  createTopic(partitions?: number): Promise<string>;
  deleteTopic(topic: string): Promise<void>;
  /** Bytes of the topic's log segments: what producers sent, record headers and batches included. */
  bytesOf(topic: string): number;
  /** All records of a topic of one partition. */
  recordsOf(topic: string): Promise<KafkaMessage[]>;
  /** Resolves when the group has so many members and each has its partitions. */
  untilStable(group: string, members: number): Promise<void>;
  stop(): Promise<void>;
}

/** The largest record that topics take; the producer's own default. */
export const maxRecordBytes = 13_772_512;

/** How long the broker, or a group, may take to settle. */
const patienceMs = 60_000;

/** @param directory where its data goes; it must not exist */
export async function startBroker(directory: string): Promise<Broker> {
  const kafka = await startKafka({
    // What a run leaves on disk is gone soon, so that it does not weigh on the next one.
    config: { 'log.dirs': directory, 'log.segment.delete.delay.ms': '0' },
    report: console.error,
  });
  const servers = kafka.bootstrapServers;
  const client = new kafkajs.Kafka({ brokers: [servers], logLevel: kafkajs.logLevel.NOTHING });
  // One for each question: kafkajs goes on asking for topics that it once knew, also when they are deleted.
  const withAdmin = async <T>(use: (admin: Admin) => Promise<T>): Promise<T> => {
    const admin = client.admin();
    await admin.connect();
    return use(admin).finally(() => admin.disconnect());
  };

  return {
    servers,
    async createTopic(numPartitions = 1) {
      const topic = `bench-${randomUUID()}`;
      const configEntries = [{ name: 'max.message.bytes', value: `${maxRecordBytes}` }];
      const topics = [{ topic, numPartitions, configEntries }];
      await withAdmin(async (admin) => {
        await admin.createTopics({ topics, waitForLeaders: false });
        await untilAnswered(() => admin.fetchTopicOffsets(topic));
      });
      return topic;
    },
    deleteTopic: (topic) => withAdmin((admin) => admin.deleteTopics({ topics: [topic] })),
    bytesOf: (topic) =>
      readdirSync(directory, { encoding: 'utf8' })
        .filter((name) => name.startsWith(`${topic}-`))
        .flatMap((name) => readdirSync(join(directory, name)).map((file) => join(directory, name, file)))
        .filter((file) => file.endsWith('.log'))
        .reduce((total, file) => total + statSync(file).size, 0),
    async recordsOf(topic) {
      const [offsets] = await withAdmin((admin) => admin.fetchTopicOffsets(topic));
      const count = Number(offsets!.high);
      const consumer = client.consumer({ groupId: randomUUID(), allowAutoTopicCreation: false });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      const records: KafkaMessage[] = [];
      await new Promise<void>((resolve, reject) => {
        const eachMessage = async ({ message }: { message: KafkaMessage }): Promise<void> => {
          if (records.push(message) === count) {
            resolve();
          }
        };
        consumer.run({ eachMessage }).catch(reject);
      });
      await consumer.disconnect();
      return records;
    },
    untilStable: (group, members) =>
      withAdmin(async (admin) => {
        for (const deadline = Date.now() + patienceMs; Date.now() < deadline;) {
          const description = await untilAnswered(() => admin.describeGroups([group]));
          const found = description.groups[0];
          if (found?.state === 'Stable' && found.members.length === members) {
            return;
          }
          await sleep(20);
        }
        throw new Error(`the group ${group} did not have ${members} members after ${patienceMs / 1000} s`);
      }),
    stop: () => kafka.stop(),
  };
}

/** A broker that has just been told of a topic or a group denies it for a moment. */
async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const isPassing = error instanceof kafkajs.KafkaJSError && error.retriable;
      if (!isPassing || Date.now() > deadline) {
        throw error;
      }
      await sleep(20);
    }
  }
}
