import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCertificates, startKafka } from '@image-stream/local-kafka';
import type { Certificates, KafkaCluster } from '@image-stream/local-kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  client,
  connect,
  failure,
  keystore,
  temporaryFolder,
  unsignedToken,
} from './secured.test-support.ts';

const folder = temporaryFolder();
let certificates: Certificates;
let stranger: Certificates;
let kafka: KafkaCluster;
beforeAll(async () => {
  [certificates, stranger] = await Promise.all([
    createCertificates(join(folder(), 'certificates')),
    createCertificates(join(folder(), 'stranger')),
  ]);
  const mechanism = 'listener.name.client.oauthbearer.sasl.jaas.config';
  kafka = await startKafka({
    securityProtocol: 'SASL_SSL',
    certificates,
    clientAuth: 'requested',
    users: { alice: 'se"c ret' },
    config: {
      // With OAUTHBEARER, Kafka takes tokens without a signature unless it is told how to check one.
      'listener.name.client.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
      [mechanism]: `${oauth}OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
    },
  });
});
afterAll(() => kafka.stop());

const protocol = 'security.protocol=SASL_SSL';
const oauth = 'org.apache.kafka.common.security.oauthbearer.';
const trust = (): string => `ssl.truststore.location=${certificates.ca}`;
const modules = {
  PLAIN: 'plain.PlainLoginModule',
  'SCRAM-SHA-256': 'scram.ScramLoginModule',
  'SCRAM-SHA-512': 'scram.ScramLoginModule',
};
const login = (mechanism: keyof typeof modules, password: string): string[] => [
  `sasl.mechanism=${mechanism}`,
  `sasl.jaas.config=org.apache.kafka.common.security.${modules[mechanism]} required \\`,
  `    username="alice" password="${password}";`,
];
const secured = (...lines: string[]) => client(folder(), kafka.bootstrapServers, ...lines);
const unreachable = (problem: string) => ({
  code: 'UNREACHABLE',
  message: `cannot reach Kafka at kafka: ${problem}`,
});

describe.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)('%s', (mechanism) => {
  test('with the right password', async () => {
    // A backslash is doubled in a properties file.
    await connect(await secured(protocol, trust(), ...login(mechanism, String.raw`se\\"c ret`)));
  });

  test('with a wrong one', async () => {
    const { code, message } = await failure(await secured(protocol, trust(), ...login(mechanism, 'hunter2')));
    expect(code).toBe('AUTHENTICATION_FAILED');
    expect(message).toMatch(
      /^authentication failed: .*; check the user name and password in sasl.jaas.config, and that the broker has them/,
    );
    expect(message).not.toContain('hunter2');
  });
});

test("librdkafka's names lead there as well", async () => {
  const alice = ['sasl.mechanisms=SCRAM-SHA-512', 'sasl.username=alice', 'sasl.password=se"c ret'];
  await connect(await secured('security.protocol=sasl_ssl', `ssl.ca.location=${certificates.ca}`, ...alice));
});

test('OAUTHBEARER takes the token that the file holds now', async () => {
  const file = join(folder(), 'token');
  const kafkasOwn = [
    `sasl.jaas.config=${oauth}OAuthBearerLoginModule required ;`,
    `sasl.login.callback.handler.class=${oauth}OAuthBearerLoginCallbackHandler`,
    `sasl.oauthbearer.jwt.retriever.class=${oauth}FileJwtRetriever`,
  ];
  const settings = [protocol, trust(), 'sasl.mechanism=OAUTHBEARER', ...kafkasOwn];
  const configure = () => secured(...settings, `sasl.oauthbearer.token.endpoint.url=file://${file}`);
  await expect(configure()).rejects.toMatchObject({
    code: 'UNREADABLE_FILE',
    message: expect.stringMatching(/^cannot read sasl.oauthbearer.token.endpoint.url: ENOENT/) as string,
  });

  const expired = unsignedToken(-60);
  await writeFile(file, `${expired}\n`);
  const clientOfAll = await configure();
  const { code, message } = await failure(clientOfAll);
  expect({ code, message }).toEqual({
    code: 'AUTHENTICATION_FAILED',
    message:
      `authentication failed: the broker refused the token (invalid_token); check that ${file} holds one that has ` +
      'not expired and is made for this broker',
  });

  await writeFile(file, `${unsignedToken(3600)}\n`);
  await connect(clientOfAll);

  await writeFile(file, 'two tokens');
  expect(await failure(clientOfAll)).toEqual({
    code: 'UNREADABLE_FILE',
    message: `sasl.oauthbearer.token.endpoint.url: ${file} must hold one token and nothing else`,
  });
});

// kafkajs tries for some seconds before it gives a connection up.
describe.concurrent('one line says what is wrong:', () => {
  test('an unknown authority', async () => {
    expect(await failure(await secured(protocol, ...login('SCRAM-SHA-256', 'x')))).toEqual(
      unreachable(
        'self-signed certificate in certificate chain; ' +
          "check that ssl.truststore.location holds the authority of the broker's certificate",
      ),
    );
  });

  test('a host that the certificate does not name', async () => {
    // Another name of 127.0.0.1.
    const servers = kafka.bootstrapServers.replace('127.0.0.1', '127.1');
    const { code, message } = await failure(
      await client(folder(), servers, protocol, trust(), ...login('SCRAM-SHA-256', 'x')),
    );
    expect(code).toBe('UNREACHABLE');
    expect(message).toMatch(
      /Host: 127.1. is not in .*localhost.*; use a host in --bootstrap-servers that the/,
    );
  });

  test('a client certificate of an authority that the broker does not know', async () => {
    const settings = [protocol, trust(), ...login('SCRAM-SHA-256', 'x'), ...keystore(stranger)];
    expect(await failure(await secured(...settings))).toEqual({
      code: 'AUTHENTICATION_FAILED',
      message: expect.stringMatching(
        /the broker refused the client's certificate .*the broker's trust store holds its authority$/,
      ) as string,
    });
  });

  test.each([
    ['neither TLS nor SASL', () => []],
    ['SASL without TLS', () => ['security.protocol=SASL_PLAINTEXT', ...login('SCRAM-SHA-256', 'x')]],
    ['TLS without SASL', () => ['security.protocol=SSL', trust()]],
  ])('%s', async (_case, lines) => {
    expect(await failure(await secured(...lines()))).toEqual(
      unreachable(
        'the server closed the connection, as it does when it expects TLS or SASL; check security.protocol and the port',
      ),
    );
  });
});
