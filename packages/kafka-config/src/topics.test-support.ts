import type { Admin, ITopicConfig } from 'kafkajs';
import { untilServed } from './cluster.ts';

/** Creates topics and waits until they are served; `waitForLeaders` of kafkajs fails when a broker has not heard of them yet. */
export async function createTopics(admin: Admin, ...topics: ITopicConfig[]): Promise<void> {
  await admin.createTopics({ topics, waitForLeaders: false });
  const names = topics.map(({ topic }) => topic);
  await untilServed(() => admin.fetchTopicMetadata({ topics: names }));
}
