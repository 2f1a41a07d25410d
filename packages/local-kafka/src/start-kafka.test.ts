import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect as connectTo, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startKafka } from './start-kafka.ts';
import { commandLine } from './process-table.ts';
import type { KafkaCluster } from './cluster.ts';

let temporary: string;

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'local-kafka-test-'));
  vi.stubEnv('TMPDIR', temporary);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(temporary, { recursive: true });
});

test('one broker serves, and stopping it leaves nothing behind', async () => {
  const cluster = await startKafka();
  const pid = cluster.brokers[0]!.pid!;
  expect(await commandLine(pid)).toContain(temporary);

  await createTopic(cluster, 'images');
  await produce(cluster, 'images', 'a picture');
  expect(await consume(cluster, 'images')).toBe('a picture');

  await cluster.stop();
  await cluster.stop();
  expect(await commandLine(pid)).toBe('');
  expect(cluster.brokers[0]!.pid).toBeUndefined();
  expect(await readdir(temporary)).toEqual([]);
});

test('two clusters at once do not disturb each other', async () => {
  const clusters = await Promise.all([startKafka(), startKafka()]);
  await Promise.all(clusters.map((cluster, index) => createTopic(cluster, `topic-${index}`)));
  expect(await Promise.all(clusters.map(listTopics))).toEqual([['topic-0'], ['topic-1']]);

  await clusters[0].stop();
  expect(await listTopics(clusters[1])).toEqual(['topic-1']);
  await clusters[1].stop();
});

test('a wrong setting is named by the error, which leaves nothing behind', async () => {
  const start = startKafka({ config: { 'num.io.threads': 'many' } });
  await expect(start).rejects.toMatchObject({ code: 'START_FAILED' });
  await expect(start).rejects.toThrow(/Invalid value many for configuration num.io.threads/);
  await expect(start).rejects.not.toThrow(/\tat /);
  expect(await readdir(temporary)).toEqual([]);
});

test('a failure after the storage was formatted is also named', async () => {
  const start = startKafka({ config: { 'authorizer.class.name': 'org.example.Missing' } });
  await expect(start).rejects.toThrow(/org\.example\.Missing/);
});

test('a port that another process listens on is named', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  await expect(startKafka({ ports: [port] })).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: expect.stringContaining(`127.0.0.1:${port}`),
  });
  other.close();
});

test.for([
  { problem: 'ports names 1 port(s) for 3 broker(s)', options: { brokers: 3, ports: [1] } },
  { problem: 'advertisedPorts names 2 port(s) for 1 broker(s)', options: { advertisedPorts: [1, 2] } },
  { problem: 'certificates are needed', options: { securityProtocol: 'SSL' } },
  { problem: 'users are needed', options: { securityProtocol: 'SASL_PLAINTEXT' } },
  { problem: "clientAuth 'required' needs SSL", options: { clientAuth: 'required' } },
] as const)('options that cannot work are refused: $problem', async ({ problem, options }) => {
  await expect(startKafka(options)).rejects.toMatchObject({
    code: 'INVALID_OPTIONS',
    message: expect.stringContaining(problem),
  });
});

test('clients are sent to the port that is advertised', async () => {
  const proxy = createServer().listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  await using cluster = await startKafka({ advertisedPorts: [port] });
  const broker = cluster.brokers[0]!;
  expect(broker.port).not.toBe(port);
  expect(cluster.bootstrapServers).toBe(`127.0.0.1:${broker.port}`);
  let connections = 0;
  proxy.on('connection', (client) => {
    connections += 1;
    const server = connectTo(broker.port, '127.0.0.1');
    client.pipe(server).pipe(client);
    for (const socket of [client, server]) {
      socket.on('error', () => {});
    }
  });
  await createTopic(cluster, 'images');
  await produce(cluster, 'images', 'a picture');
  expect(await consume(cluster, 'images')).toBe('a picture');
  expect(connections).toBeGreaterThan(0);
  proxy.close();
});

test('a process killed with SIGKILL leaves no broker and no data', async () => {
  // Another process cannot run TypeScript, so this one runs what was built.
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { startKafka } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
       const cluster = await startKafka();
       console.log(cluster.brokers[0].pid);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  const pid = Number(output);
  expect(await commandLine(pid)).toContain(temporary);

  child.kill('SIGKILL');
  await vi.waitFor(async () => expect(await commandLine(pid)).toBe(''), { timeout: 20_000 });
  await vi.waitFor(async () => expect(await readdir(temporary)).toEqual([]), { timeout: 20_000 });
});

function connect(cluster: KafkaCluster): Kafka {
  return new Kafka({ brokers: cluster.bootstrapServers.split(','), logLevel: logLevel.NOTHING });
}

async function createTopic(cluster: KafkaCluster, topic: string): Promise<void> {
  const admin = connect(cluster).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic }], waitForLeaders: false });
  await vi.waitFor(() => admin.fetchTopicMetadata({ topics: [topic] }));
  await admin.disconnect();
}

async function listTopics(cluster: KafkaCluster): Promise<string[]> {
  const admin = connect(cluster).admin();
  await admin.connect();
  const topics = await admin.listTopics();
  await admin.disconnect();
  return topics;
}

async function produce(cluster: KafkaCluster, topic: string, value: string): Promise<void> {
  const producer = connect(cluster).producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ value }] });
  await producer.disconnect();
}

async function consume(cluster: KafkaCluster, topic: string): Promise<string | undefined> {
  const consumer = connect(cluster).consumer({ groupId: 'test' });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const value = await new Promise<string | undefined>((resolve, reject) => {
    consumer.run({ eachMessage: async ({ message }) => resolve(message.value?.toString()) }).catch(reject);
  });
  await consumer.disconnect();
  return value;
}
