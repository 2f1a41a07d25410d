import { startKafka } from '@image-stream/local-kafka';
import kafkajs from 'kafkajs';
import { expect, onTestFinished, test } from 'vitest';
import { clientConfig, connectAdmin, ensureTopic, loadProperties, untilServed } from './index.ts';

test('on three brokers, what all of them acknowledge survives the loss of one', async () => {
  const cluster = await startKafka({ brokers: 3 });
  onTestFinished(cluster.stop);
  const properties = await loadProperties({ overrides: [`bootstrap.servers=${cluster.bootstrapServers}`] });
  const kafka = new kafkajs.Kafka(await clientConfig(properties, { debug: () => {} }));
  const admin = kafka.admin();
  await connectAdmin(admin, properties['bootstrap.servers']!);
  onTestFinished(() => admin.disconnect());

  const settings = async (topic: string) => {
    const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic };
    const { resources } = await untilServed(() =>
      admin.describeConfigs({ includeSynonyms: false, resources: [resource] }),
    );
    const { topics } = await untilServed(() => admin.fetchTopicMetadata({ topics: [topic] }));
    const value = (name: string) =>
      resources[0]!.configEntries.find(({ configName }) => configName === name)?.configValue;
    return {
      replicas: topics[0]!.partitions[0]!.replicas.length,
      insync: value('min.insync.replicas'),
      unclean: value('unclean.leader.election.enable'),
    };
  };

  expect(await ensureTopic(admin, 'default', { maxMessageBytes: 5_000_000 })).toBe(true);
  expect(await settings('default')).toEqual({ replicas: 3, insync: '2', unclean: 'false' });

  await ensureTopic(admin, 'two', { replicationFactor: 2, maxMessageBytes: 5_000_000 });
  expect(await settings('two')).toEqual({ replicas: 2, insync: '1', unclean: 'false' });
});
