import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { startKafka } from '@image-stream/local-kafka';
import type { KafkaCluster } from '@image-stream/local-kafka';
import kafkajs from 'kafkajs';
import type { Admin } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { TestContext } from 'vitest';
import { forwarder } from './forwarder.test-support.ts';
import {
  assertTopicName,
  clientConfig,
  connectAdmin,
  ensureTopic,
  loadProperties,
  topicLimit,
  translate,
} from './index.ts';

let kafka: KafkaCluster;
beforeAll(async () => {
  kafka = await startKafka();
});
afterAll(() => kafka.stop());

async function createAdmin(servers: string, ...overrides: string[]): Promise<Admin> {
  const properties = await loadProperties({ overrides: [`bootstrap.servers=${servers}`, ...overrides] });
  return new kafkajs.Kafka(await clientConfig(properties, { debug: () => {} })).admin();
}

async function connected(): Promise<Admin> {
  const admin = await createAdmin(kafka.bootstrapServers);
  await connectAdmin(admin, kafka.bootstrapServers.split(','));
  onTestFinished(() => admin.disconnect());
  return admin;
}

async function listen(context: Pick<TestContext, 'onTestFinished'>, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Takes connections and says nothing. */
const silentServer = (): Server => createServer((socket) => socket.unref());

const uniqueTopic = (): string => `topic-${randomUUID()}`;

describe('ensureTopic', () => {
  test('creates a topic with what was asked for, once', async () => {
    const admin = await connected();
    const topic = uniqueTopic();
    const wanted = { partitions: 7, maxMessageBytes: 5_000_000 };
    expect(await ensureTopic(admin, topic, wanted)).toBe(true);
    expect(await ensureTopic(admin, topic, { ...wanted, partitions: 9, maxMessageBytes: 1 })).toBe(false);

    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    expect(topics[0]!.partitions).toHaveLength(7);
    expect(await topicLimit(admin, topic)).toBe(5_000_000);
  });

  test('of several programs one creates the topic, and all of them can use it', async () => {
    const admins = await Promise.all(Array.from({ length: 6 }, connected));
    for (let round = 0; round < 20; round += 1) {
      const topic = uniqueTopic();
      const partitionsSeen: number[] = [];
      const created = await Promise.all(
        admins.map(async (admin) => {
          const isCreator = await ensureTopic(admin, topic, { partitions: 5, maxMessageBytes: 5_000_000 });
          partitionsSeen.push(
            (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]!.partitions.length,
          );
          return isCreator;
        }),
      );
      expect(created.filter(Boolean)).toHaveLength(1);
      expect(partitionsSeen).toEqual([5, 5, 5, 5, 5, 5]);
    }
  });

  test('reports what the cluster refuses', async () => {
    const admin = await connected();
    const topic = uniqueTopic();
    const wanted = { replicationFactor: 2, maxMessageBytes: 5_000_000 };
    await expect(ensureTopic(admin, topic, wanted)).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringMatching(
        new RegExp(`^topic '${topic}' was not found and cannot be created: .*[Rr]eplication.factor`),
      ) as string,
    });
  });

  test('creates a topic without settings that the cluster refuses, and says in one line how to set them', async () => {
    const admin = await connected();
    const topic = uniqueTopic();
    const warnings: string[] = [];
    const wanted = { partitions: 3, maxMessageBytes: 5_000_000, settings: { 'retention.ms': 'never' } };
    expect(await ensureTopic(admin, topic, wanted, (message) => void warnings.push(message))).toBe(true);
    expect((await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]!.partitions).toHaveLength(3);
    expect(await topicLimit(admin, topic)).toBe(1_048_588);
    expect(warnings).toEqual([
      expect.stringContaining(
        `--alter --topic ${topic} --add-config max.message.bytes=5000000,retention.ms=never`,
      ) as string,
    ]);
  });

  test('refuses a name before asking', async () => {
    await expect(ensureTopic(await connected(), 'a/b', { maxMessageBytes: 1 })).rejects.toMatchObject({
      code: 'INVALID_TOPIC',
    });
  });
});

describe('names', () => {
  test.each(['', '.', '..', 'a b', 'a/b', 'ä', 'a\n', 'x'.repeat(250)])('%j is no topic', (name) => {
    expect(() => assertTopicName(name)).toThrow(expect.objectContaining({ code: 'INVALID_TOPIC' }) as Error);
  });

  test.each(['a', '...', 'A-z_0.9', 'x'.repeat(249)])('%j is one', async (name) => {
    expect(await ensureTopic(await connected(), name, { maxMessageBytes: 5_000_000 })).toBe(true);
  });
});

test('the limit of a topic is waited for until the broker has heard of it', async () => {
  const topic = uniqueTopic();
  const limit = topicLimit(await connected(), topic);
  await ensureTopic(await connected(), topic, { maxMessageBytes: 5_000_000 });
  expect(await limit).toBe(5_000_000);
});

test.each<[string, (socket: Socket) => void]>([
  ['says nothing', (socket) => socket.unref()],
  ['closes them at once', (socket) => socket.end()],
  ['resets them', (socket) => socket.resetAndDestroy()],
  ['speaks something else', (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
])('a bootstrap server that takes connections and %s is passed over', async (_what, answer) => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    answer(socket);
  });
  const servers = [await listen({ onTestFinished }, server), kafka.bootstrapServers];
  const admin = await createAdmin(servers.join(','), 'socket.connection.setup.timeout.ms=500');
  await connectAdmin(admin, servers);
  onTestFinished(() => admin.disconnect());
  expect(await admin.describeCluster()).toMatchObject({ brokers: [{ nodeId: 1 }] });
});

test('an IPv6 address of a bootstrap server is taken', async () => {
  const [host, port] = kafka.bootstrapServers.split(':');
  const admin = await createAdmin(`[::ffff:${host}]:${port}`);
  await connectAdmin(admin, []);
  onTestFinished(() => admin.disconnect());
  expect(await admin.describeCluster()).toMatchObject({ brokers: [{ nodeId: 1 }] });
});

describe('a server that refuses connections', () => {
  /** A client that would try for an hour, which logs each attempt. */
  async function patientAdmin(address: string, logger = { debug: () => {} }): Promise<Admin> {
    const properties = await loadProperties({ overrides: [`bootstrap.servers=${address}`] });
    const config = await clientConfig(properties, logger);
    return new kafkajs.Kafka({
      ...config,
      retry: { initialRetryTime: 100, maxRetryTime: 300, retries: 10_000 },
    }).admin();
  }

  test('is told without waiting for the client, with what starts the one of this project', async (context) => {
    const server = createServer();
    const address = await listen(context, server);
    await new Promise((resolve) => server.close(resolve));
    const admin = await patientAdmin(address);
    const nobody = 'nothing listens there; check --bootstrap-servers and that the broker runs';
    await expect(connectAdmin(admin, [address])).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: `cannot reach Kafka at ${address}: ${nobody}`,
    });
    const refused = Object.assign(new kafkajs.KafkaJSConnectionError('connect'), { code: 'ECONNREFUSED' });
    expect(translate(refused, ['localhost:29092'])).toMatchObject({
      message: `cannot reach Kafka at localhost:29092: ${nobody}; 'corepack pnpm kafka:up' in a clone of this project starts one`,
    });
  });

  test('is waited for while another says nothing', async (context) => {
    const closed = createServer();
    const servers = [await listen(context, closed), await listen(context, silentServer())];
    await new Promise((resolve) => closed.close(resolve));
    await expect(connectAdmin(await patientAdmin(servers[0]!), servers)).rejects.toThrow(
      /no answer within 8 s/,
    );
  });

  test('and listens a moment later is reached', async (context) => {
    const server = forwarder(kafka.bootstrapServers);
    const address = await listen(context, server);
    await new Promise((resolve) => server.close(resolve));
    let failed = (): void => {};
    const failedOnce = new Promise<void>((resolve) => (failed = resolve));
    const admin = await patientAdmin(address, {
      debug: (...[, message]: unknown[]) => {
        if (String(message).startsWith('Failed to connect')) {
          failed();
        }
      },
    });
    const connecting = connectAdmin(admin, [address]);
    await failedOnce;
    server.listen(Number(address.split(':')[1]), '127.0.0.1');
    await connecting;
    await admin.disconnect();
  });
});

test('a broker that takes longer for its first answer than a refusal takes is reached', async (context) => {
  const address = await listen(context, forwarder(kafka.bootstrapServers, 2000));
  const admin = await createAdmin(address);
  await connectAdmin(admin, [address]);
  await admin.disconnect();
});

// kafkajs tries for some seconds before it gives a connection up.
describe.concurrent('no broker there: one line within ten seconds', { timeout: 10_000 }, () => {
  async function failure(servers: string, ...overrides: string[]): Promise<string> {
    const admin = await createAdmin(servers, 'request.timeout.ms=300000', ...overrides);
    const error: unknown = await connectAdmin(admin, servers.split(',')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'KafkaConfigError', code: 'UNREACHABLE' });
    const { message } = error as Error;
    expect(message).toMatch(new RegExp(`^cannot reach Kafka at ${servers}: `));
    expect(message).not.toContain('\n');
    return message.slice(`cannot reach Kafka at ${servers}: `.length);
  }

  test('nothing listens', async (context) => {
    const server = createServer();
    const address = await listen(context, server);
    await new Promise((resolve) => server.close(resolve));
    expect(await failure(address)).toBe(
      'nothing listens there; check --bootstrap-servers and that the broker runs',
    );
  });

  test('the host name does not resolve', async () => {
    expect(await failure('no-such-host.invalid:9092')).toBe(
      'the host name does not resolve; check --bootstrap-servers and the DNS',
    );
  });

  test('a server that says nothing', async (context) => {
    expect(await failure(await listen(context, silentServer()))).toBe(
      'no answer within 8 s; check --bootstrap-servers, the firewall, and that security.protocol fits the port',
    );
  });

  test('a server that hangs up', async (context) => {
    const address = await listen(
      context,
      createServer((socket) => socket.destroy()),
    );
    expect(await failure(address)).toBe(
      'the server closed the connection, as it does when it expects TLS or SASL; check security.protocol and the port',
    );
  });

  test('TLS to a listener without', async () => {
    expect(await failure(kafka.bootstrapServers, 'security.protocol=SSL')).toBe(
      'the server does not speak TLS there; check security.protocol and the port',
    );
  });
});

test('SASL to a listener without', async () => {
  const properties = await loadProperties({
    defaults: {
      'bootstrap.servers': kafka.bootstrapServers,
      'security.protocol': 'SASL_PLAINTEXT',
      'sasl.mechanism': 'PLAIN',
      'sasl.jaas.config': 'PlainLoginModule required username="a" password="b";',
    },
  });
  const admin = new kafkajs.Kafka(await clientConfig(properties, { debug: () => {} })).admin();
  await expect(connectAdmin(admin, [])).rejects.toMatchObject({
    code: 'AUTHENTICATION_FAILED',
    message:
      'authentication failed: the broker does not expect SASL there; check security.protocol and the port',
  });
});
