import { once } from 'node:events';
import { createServer as createWebServer } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { startKafka } from '@image-stream/local-kafka';
import type { KafkaCluster } from '@image-stream/local-kafka';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { loadProperties, openKafka, translate } from '@image-stream/kafka-config';
import { openProbe } from './index.ts';

/*
 * A single broker as people set it up for the first time: with listeners at which it calls itself by addresses that do not lead to it, as
 * with containers, and with the replication factor of a large cluster.
 */

/** What else may be at such an address. */
const others = {
  hanging: createServer((socket) => socket.on('error', () => {})),
  web: createWebServer(),
  ssh: createServer((socket) => socket.on('error', () => {}).write('SSH-2.0-OpenSSH\r\n')),
  tls: createTlsServer().on('tlsClientError', () => {}),
};
const addresses = { unknown: 'kafka.invalid:9092', refused: '127.0.0.1:1' } as Record<string, string>;
let kafka: KafkaCluster;
beforeAll(async () => {
  for (const [name, server] of Object.entries<Server>(others)) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    addresses[name] = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  kafka = await startKafka({
    config: { 'offsets.topic.replication.factor': '3' },
    listeners: Object.fromEntries(Object.entries(addresses).map(([name, to]) => [name.toUpperCase(), to])),
  });
});
afterAll(async () => {
  await kafka.stop();
  Object.values<Server>(others).forEach((server) => server.close());
});

const propertiesOf = (server: string) => loadProperties({ overrides: [`bootstrap.servers=${server}`] });

const checkHost =
  'check that it runs, and that advertised.listeners on that broker names a host and port at which this machine reaches it';
const checkListener =
  'check that advertised.listeners on that broker names the port of a listener with the security.protocol of this client';

test.each([
  ['unknown', 'the host name does not resolve', checkHost],
  ['refused', 'nothing listens there', checkHost],
  ['hanging', 'it takes the connection, and does not answer', checkHost],
  ['web', 'what answers there is not Kafka', checkHost],
  ['ssh', 'what answers there is not Kafka', checkHost],
  ['tls', 'the server closed the connection, as it does when it expects TLS or SASL', checkListener],
])(
  'of a broker that calls itself by an address that is %s, that address is said to fail',
  async (name, why, advice) => {
    const server = kafka.listeners[name.toUpperCase()]!;
    await expect(openKafka(kafkajs, await propertiesOf(server), { debug: () => {} })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: `cannot reach Kafka at ${addresses[name]}, as a broker of ${server} calls itself: ${why}; ${advice}`,
    });
  },
);

test('a cluster without a coordinator for groups is told from a lack of permission', async () => {
  const { kafka: client, admin } = await openKafka(kafkajs, await propertiesOf(kafka.bootstrapServers), {
    debug: () => {},
  });
  onTestFinished(() => admin.disconnect());
  const probe = await openProbe(client);
  onTestFinished(() => probe.close());
  const says = (error: unknown): string => (translate(error, [], 'cannot join') as Error).message;
  const expected =
    /^cannot join: The group coordinator is not available \(GROUP_COORDINATOR_NOT_AVAILABLE\); .*offsets.topic.replication.factor/;

  const answers = await Promise.all([
    probe.mayJoin('group').catch(says),
    admin.fetchOffsets({ groupId: 'group', topics: ['topic'] }).catch(says),
  ]);
  for (const answer of answers) {
    expect(answer).toMatch(expected);
  }
});
