import kafkajs from 'kafkajs';
import { expect, test } from 'vitest';
import { clientConfig, consumerConfig, loadProperties, producerConfig } from './index.ts';

const silent = { debug: () => {} };

async function configure(...overrides: string[]) {
  const properties = await loadProperties({ overrides });
  return {
    client: await clientConfig(properties, silent),
    ...producerConfig(properties),
    ...consumerConfig(properties),
  };
}

test.each([
  ['bootstrap.servers=a:1,b:2', { client: { brokers: ['a:1', 'b:2'] } }],
  ['client.id=camera-1', { client: { clientId: 'camera-1' } }],
  ['socket.connection.setup.timeout.ms=7', { client: { connectionTimeout: 7 } }],
  ['request.timeout.ms=7', { client: { requestTimeout: 7 }, send: { timeout: 7 } }],
  ['acks=all', { send: { acks: -1 } }],
  ['acks=0', { send: { acks: 0 } }],
  ['retry.backoff.ms=7', { producer: { retry: { initialRetryTime: 7 } } }],
  ['metadata.max.age.ms=7', { producer: { metadataMaxAge: 7 } }],
  ['group.id=g', { group: { groupId: 'g' } }],
  ['session.timeout.ms=70000', { group: { sessionTimeoutMs: 70_000 } }],
  ['heartbeat.interval.ms=7', { heartbeatIntervalMs: 7 }],
  ['max.poll.interval.ms=7', { group: { rebalanceTimeoutMs: 7 } }],
  ['fetch.min.bytes=7', { read: { minBytes: 7 } }],
  ['fetch.max.bytes=7', { read: { maxBytes: 7 } }],
  ['max.partition.fetch.bytes=7', { read: { maxBytesPerPartition: 7 } }],
  ['fetch.max.wait.ms=7', { read: { maxWaitMs: 7 } }],
  ['client.rack=west', { read: { rack: 'west' } }],
  ['isolation.level=read_uncommitted', { read: { isolationLevel: 'read_uncommitted' } }],
  ['auto.offset.reset=latest', { fromBeginning: false }],
  ['enable.auto.commit=true', { commitDelayMs: 5000 }],
])('%s arrives', async (setting, expected) => {
  expect(await configure(setting)).toMatchObject(expected);
  expect(await configure()).not.toMatchObject(expected);
});

test('commits wait for the interval only where auto commit is on', async () => {
  const interval = 'auto.commit.interval.ms=7';
  expect(await configure('enable.auto.commit=true', interval)).toMatchObject({ commitDelayMs: 7 });
  expect(await configure('enable.auto.commit=false', interval)).toMatchObject({ commitDelayMs: 0 });
  expect(await configure(interval)).toMatchObject({ commitDelayMs: 0 });
});

test('without properties, records are acknowledged, read from the beginning, and topics not made by accident', async () => {
  expect(await configure()).toMatchObject({
    client: { ssl: false, enforceRequestTimeout: true },
    producer: { idempotent: false, allowAutoTopicCreation: false },
    send: { acks: 1 },
    heartbeatIntervalMs: 3000,
    fromBeginning: true,
    commitDelayMs: 0,
  });
});

test('the log of the client goes to the logger, with its details', async () => {
  const entries: unknown[] = [];
  const logger = { debug: (details: object, message: string) => entries.push({ message, ...details }) };
  const properties = await loadProperties({ overrides: ['bootstrap.servers=localhost:1'] });
  const client = new kafkajs.Kafka(await clientConfig(properties, logger));
  client.logger().info('hello', { broker: 1 });
  client.logger().debug('too much');
  expect(entries).toMatchObject([{ message: 'hello', broker: 1 }]);
});
