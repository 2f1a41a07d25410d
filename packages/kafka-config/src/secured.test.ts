import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCertificates, startKafka } from '@image-stream/local-kafka';
import type { Certificates, KafkaCluster, KafkaOptions } from '@image-stream/local-kafka';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientConfig, connectAdmin, loadProperties } from './index.ts';

let directory: string;
let certificates: Certificates;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kafka-config-secured-'));
  certificates = await createCertificates(directory);
});
afterAll(() => rm(directory, { recursive: true }));

describe('SASL_SSL', () => {
  const kafka = cluster(() => ({ securityProtocol: 'SASL_SSL', certificates, users: { alice: 'se"c ret' } }));
  const trust = (): string => `ssl.truststore.location=${certificates.ca}`;
  const scram = (password: string): string[] => [
    'sasl.mechanism=SCRAM-SHA-512',
    'sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\',
    `    username="alice" password="${password}";`,
  ];
  const plain = (password: string): string[] => [
    'sasl.mechanism=PLAIN',
    'sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\',
    `    username="alice" password="${password}";`,
  ];

  // A backslash is doubled in a properties file.
  test.each([
    ['SCRAM-SHA-512', scram],
    ['PLAIN', plain],
  ])('%s with the right password, and with a wrong one', async (_mechanism, login) => {
    const protocol = 'security.protocol=SASL_SSL';
    await connect(kafka(), protocol, trust(), ...login(String.raw`se\\"c ret`));

    const error = await failure(kafka(), protocol, trust(), ...login('hunter2'));
    expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    expect(error.message).toMatch(/^authentication failed: .*; check sasl.mechanism and sasl.jaas.config$/);
    expect(error.message).not.toContain('hunter2');
  });

  test('an unknown authority', async () => {
    expect(await failure(kafka(), 'security.protocol=SASL_SSL', ...plain('x'))).toMatchObject({
      code: 'UNREACHABLE',
      message:
        `cannot reach Kafka at ${kafka()}: self-signed certificate in certificate chain; ` +
        "check that ssl.truststore.location holds the authority of the broker's certificate",
    });
  });

  test.each([
    ['neither TLS nor SASL', () => []],
    ['SASL without TLS', () => ['security.protocol=SASL_PLAINTEXT', ...plain('x')]],
    ['TLS without SASL', () => ['security.protocol=SSL', trust()]],
  ])('%s', async (_case, lines) => {
    expect(await failure(kafka(), ...lines())).toMatchObject({
      code: 'UNREACHABLE',
      message:
        `cannot reach Kafka at ${kafka()}: the server closed the connection, as it does when it expects ` +
        'TLS or SASL; check security.protocol and the port',
    });
  });
});

describe('SSL with client authentication', () => {
  const kafka = cluster(() => ({ securityProtocol: 'SSL', certificates, clientAuth: 'required' }));
  const trust = (): string[] => ['security.protocol=SSL', `ssl.truststore.location=${certificates.ca}`];

  test('a PEM key store', async () => {
    const keystore = join(directory, 'keystore.pem');
    const parts = [certificates.clientKey, certificates.clientCertificate];
    await writeFile(keystore, (await Promise.all(parts.map((file) => readFile(file)))).join(''));
    await connect(kafka(), ...trust(), 'ssl.keystore.type=PEM', `ssl.keystore.location=${keystore}`);
  });

  test('PEM in the file itself', async () => {
    const line = async (file: string): Promise<string> =>
      (await readFile(file, 'utf8')).trim().split(/\r?\n/).join(' \\\n  ');
    await connect(
      kafka(),
      'security.protocol=SSL',
      `ssl.truststore.certificates=${await line(certificates.ca)}`,
      `ssl.keystore.certificate.chain=${await line(certificates.clientCertificate)}`,
      `ssl.keystore.key=${await line(certificates.clientKey)}`,
    );
  });

  test('a PKCS #12 key store', async () => {
    await connect(
      kafka(),
      ...trust(),
      'ssl.keystore.type=PKCS12',
      `ssl.keystore.location=${certificates.clientKeystore}`,
      `ssl.keystore.password=${certificates.password}`,
    );
  });

  test('no certificate', async () => {
    const error = await failure(kafka(), ...trust());
    expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    expect(error.message).toMatch(
      /the broker refused the client's certificate .*check ssl.keystore.location$/,
    );
  });
});

/** Starts a broker for the tests of a group. @returns its address, once it runs */
function cluster(options: () => KafkaOptions): () => string {
  let kafka: KafkaCluster;
  beforeAll(async () => {
    kafka = await startKafka(options());
  });
  afterAll(() => kafka.stop());
  return () => kafka.bootstrapServers;
}

/** Connects with a properties file of these lines, and asks for something. */
async function connect(servers: string, ...lines: string[]): Promise<void> {
  const file = join(directory, 'client.properties');
  await writeFile(file, [`bootstrap.servers=${servers}`, ...lines, ''].join('\n'));
  const properties = await loadProperties({ file });
  const admin = new kafkajs.Kafka(await clientConfig(properties, { debug: () => {} })).admin();
  await connectAdmin(admin, properties['bootstrap.servers']!);
  expect(await admin.listTopics()).toEqual([]);
  await admin.disconnect();
}

async function failure(servers: string, ...lines: string[]): Promise<Error> {
  const error = await connect(servers, ...lines).then(
    () => new Error('it connected'),
    (thrown: unknown) => thrown as Error,
  );
  expect(error.message).not.toContain('\n');
  return error;
}
