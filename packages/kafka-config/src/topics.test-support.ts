import kafkajs from 'kafkajs';
import type { Admin, ITopicConfig } from 'kafkajs';
import { untilServed } from './cluster.ts';

/**
 * Creates topics and waits until every broker knows them and every leader leads: each hears of them by itself. `waitForLeaders` of
 * kafkajs fails when the broker that it asks has not.
 */
export async function createTopics(admin: Admin, ...topics: ITopicConfig[]): Promise<void> {
  await admin.createTopics({ topics, waitForLeaders: false });
  const names = topics.map(({ topic }) => topic);
  const { brokers } = await admin.describeCluster();
  for (const { host, port } of brokers) {
    const one = new kafkajs.Kafka({ brokers: [`${host}:${port}`], logLevel: 0 }).admin();
    await one.connect();
    await untilServed(() => one.fetchTopicMetadata({ topics: names })).finally(() => one.disconnect());
  }
  for (const name of names) {
    await untilServed(() => admin.fetchTopicOffsets(name));
  }
}
