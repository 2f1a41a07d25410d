import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import type { KafkaConfig, SASLOptions } from 'kafkajs';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createCertificates } from './certificates.ts';
import type { Certificates } from './certificates.ts';
import type { KafkaCluster } from './cluster.ts';
import { startKafka } from './start-kafka.ts';

let directory: string;
let certificates: Certificates;
let ca: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'local-kafka-certificates-'));
  certificates = await createCertificates(directory);
  ca = await readFile(certificates.ca, 'utf8');
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

test('SASL_SSL lets in the users with each mechanism, and nobody else', async () => {
  const users = { alice: 'pass, "word\\=ü', bob: 'b0b' };
  const cluster = await startKafka({ securityProtocol: 'SASL_SSL', certificates, users });
  onTestFinished(cluster.stop);
  const logIn = async (sasl: SASLOptions) => await listTopics(cluster, { ssl: { ca: [ca] }, sasl });

  for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
    for (const [username, password] of Object.entries(users)) {
      expect(await logIn({ mechanism, username, password })).toEqual([]);
    }
    await expect(logIn({ mechanism, username: 'bob', password: 'wrong' })).rejects.toThrow(/authentication/i);
  }
  await expect(listTopics(cluster, { ssl: true })).rejects.toThrow(/self.signed certificate/);
});

test('SSL with client authentication takes only a certificate of the same authority', async () => {
  const cluster = await startKafka({ securityProtocol: 'SSL', certificates, clientAuth: 'required' });
  onTestFinished(cluster.stop);
  const cert = await readFile(certificates.clientCertificate, 'utf8');
  const key = await readFile(certificates.clientKey, 'utf8');
  const pfx = await readFile(certificates.clientKeystore);

  expect(await listTopics(cluster, { ssl: { ca: [ca], cert, key } })).toEqual([]);
  expect(await listTopics(cluster, { ssl: { ca: [ca], pfx, passphrase: certificates.password } })).toEqual(
    [],
  );
  await expect(listTopics(cluster, { ssl: { ca: [ca] } })).rejects.toThrow();
});

test('an authorizer refuses a user without rights, but not the brokers themselves', async () => {
  const cluster = await startKafka({
    securityProtocol: 'SASL_PLAINTEXT',
    users: { admin: 'a', guest: 'g' },
    config: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:admin',
    },
  });
  onTestFinished(cluster.stop);
  const createTopic = async (username: string, password: string) => {
    const admin = connect(cluster, { sasl: { mechanism: 'plain', username, password } }).admin();
    await admin.connect();
    await admin
      .createTopics({ topics: [{ topic: 'images' }], waitForLeaders: false })
      .finally(async () => await admin.disconnect());
  };
  await expect(createTopic('guest', 'g')).rejects.toMatchObject({
    errors: [{ type: 'TOPIC_AUTHORIZATION_FAILED' }],
  });
  await createTopic('admin', 'a');
});

function connect(cluster: KafkaCluster, config: Partial<KafkaConfig>): Kafka {
  const brokers = cluster.bootstrapServers.split(',');
  return new Kafka({ brokers, retry: { retries: 0 }, logLevel: logLevel.NOTHING, ...config });
}

async function listTopics(cluster: KafkaCluster, config: Partial<KafkaConfig>): Promise<string[]> {
  const admin = connect(cluster, config).admin();
  await admin.connect();
  const topics = await admin.listTopics();
  await admin.disconnect();
  return topics;
}
