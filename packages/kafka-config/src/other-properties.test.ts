import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findInstallation } from '@image-stream/local-kafka/java-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientConfig, loadProperties, loadSettings } from './index.ts';
import { isKnown } from './known-properties.ts';
import { otherProperty } from './other-properties.ts';
import { canonicalName } from './spellings.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kafka-config-other-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** Loads a properties file of these lines. @returns what came of it, and what was said */
async function load(...lines: string[]) {
  const file = join(directory, 'client.properties');
  await writeFile(file, lines.join('\n'));
  const said = { debug: [] as string[], warn: [] as string[] };
  const logger = {
    debug: (message: string) => said.debug.push(message),
    warn: (message: string) => said.warn.push(message.replaceAll(file, 'FILE')),
  };
  return { ...(await loadSettings({ file }, logger)), said, file };
}

async function failure(...lines: string[]): Promise<{ code: string; message: string }> {
  const error: unknown = await load(...lines).catch((thrown: unknown) => thrown);
  const { code, message } = error as { code: string; message: string };
  return { code, message: message.replaceAll(/\(\S+client\.properties\)/g, '(FILE)') };
}

describe('a file works as it is', () => {
  test('of a Java client of Confluent Cloud', async () => {
    const { properties, said } = await load(
      '# Required connection configs for Kafka producer, consumer, and admin',
      'bootstrap.servers=pkc-12576z.us-west2.gcp.confluent.cloud:9092',
      'security.protocol=SASL_SSL',
      "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username='KEY' password='SECRET';",
      'sasl.mechanism=PLAIN',
      '# Required for correctness in Apache Kafka clients prior to 2.6',
      'client.dns.lookup=use_all_dns_ips',
      'session.timeout.ms=45000',
      'acks=all',
      'client.id=ccloud-java-client-4a3f',
      'schema.registry.url=https://psrc-1.us-east-2.aws.confluent.cloud',
      'basic.auth.credentials.source=USER_INFO',
      'basic.auth.user.info=KEY:SECRET',
    );
    expect(await clientConfig(properties, { debug: () => {} })).toMatchObject({
      brokers: ['pkc-12576z.us-west2.gcp.confluent.cloud:9092'],
      ssl: {},
      sasl: { mechanism: 'plain', username: 'KEY', password: 'SECRET' },
    });
    expect(said).toEqual({
      debug: [
        'not needed here, and ignored: client.dns.lookup, schema.registry.url, basic.auth.credentials.source, basic.auth.user.info',
      ],
      warn: [],
    });
  });

  test('of librdkafka', async () => {
    const { properties, given, said } = await load(
      'metadata.broker.list=a:9093,b:9093',
      'security.protocol=sasl_ssl',
      'sasl.mechanisms=SCRAM-SHA-512',
      'sasl.username=alice',
      'sasl.password=secret',
      'socket.keepalive.enable=true',
      'queue.buffering.max.ms=5',
      'request.required.acks=-1',
      'message.timeout.ms=60000',
      'enable.partition.eof=true',
    );
    expect(properties).toEqual({
      'bootstrap.servers': ['a:9093', 'b:9093'],
      'security.protocol': 'SASL_SSL',
      'sasl.mechanism': 'SCRAM-SHA-512',
      'sasl.username': 'alice',
      'sasl.password': 'secret',
      acks: -1,
      'delivery.timeout.ms': 60_000,
    });
    expect(given).toEqual(new Set(Object.keys(properties)));
    expect(said.debug).toHaveLength(1);
  });

  test('and what is not needed need not be there', async () => {
    const { said } = await load(
      'config.providers=file',
      'config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider',
      'basic.auth.user.info=${file:/missing:user}',
    );
    expect(said.warn).toEqual([]);
  });

  test('and what is not needed may also be typed', async () => {
    expect(await loadProperties({ overrides: ['linger.ms=5', 'acks=1'] })).toEqual({ acks: 1 });
  });
});

describe('two spellings', () => {
  test('may agree', async () => {
    const { properties } = await load('sasl.mechanisms=PLAIN', 'sasl.mechanism=plain', ...login);
    expect(properties).toMatchObject({ 'sasl.mechanism': 'PLAIN' });
  });

  test('must not say two things in one place', async () => {
    expect(await failure('bootstrap.servers=a:1', 'metadata.broker.list=b:1')).toEqual({
      code: 'CONTRADICTION',
      message: expect.stringMatching(
        /^\S+ sets bootstrap\.servers to 'a:1', but metadata\.broker\.list, which means the same, to 'b:1'$/,
      ) as string,
    });
  });

  test('in two places: the stronger wins', async () => {
    const { file } = await load('metadata.broker.list=b:1');
    expect(await loadProperties({ file, overrides: ['bootstrap.servers=a:1'] })).toEqual({
      'bootstrap.servers': ['a:1'],
    });
  });

  test('a message has the one that was given', async () => {
    expect((await failure('fetch.wait.max.ms=soon')).message).toMatch(
      /^fetch\.wait\.max\.ms must be a whole/,
    );
  });
});

const login = ['security.protocol=SASL_SSL', 'sasl.username=a', 'sasl.password=b'];

describe('what somebody may rely on', () => {
  test.each([
    ['transactional.id=cameras', 'records are sent outside of transactions'],
    ['enable.idempotence=true', 'a record that is sent again may be in the topic twice'],
    ['group.instance.id=1', 'a consumer that starts again is a new member of its group'],
    ['enable.ssl.certificate.verification=false', "the broker's certificate is verified all the same"],
    ['ssl.cipher.suites=TLS_AES_256_GCM_SHA384', "Node's own choice of cipher suites is offered"],
    ['partitioner.class=org.example.ByCamera', 'a key decides the partition'],
  ])('is warned of: %s', async (line, reason) => {
    const { properties, said } = await load(line);
    expect(properties).toEqual({});
    expect(said.warn).toHaveLength(1);
    expect(said.warn[0]).toContain(`${line.split('=')[0]} (FILE) has no effect: ${reason}`);
  });

  test.each([
    ['security.providers=org.example.Fips', 'it names code in Java, which cannot run here'],
    ['ssl.engine.factory.class=org.example.Engine', 'it names code in Java, which cannot run here'],
    ['ssl.crl.location=/etc/crl.pem', 'revoked certificates would be accepted'],
    [
      'sasl.oauthbearer.assertion.private.key.file=/k',
      'a token is asked for with a client id and a client secret',
    ],
  ])('is refused: %s', async (line, reason) => {
    expect(await failure(line)).toEqual({
      code: 'INVALID_PROPERTY',
      message: `${line.split('=')[0]} (FILE) is not supported: ${reason}; remove it if you can do without it`,
    });
  });

  test.each([
    'enable.idempotence=false',
    'enable.ssl.certificate.verification=true',
    'group.protocol=classic',
    'partitioner=murmur2_random',
  ])('is ignored where it asks for nothing else: %s', async (line) => {
    const { said } = await load(line);
    expect(said).toEqual({ debug: [`not needed here, and ignored: ${line.split('=')[0]}`], warn: [] });
  });
});

describe('what no client knows', () => {
  test('is warned of in a file, which others may share, and an error where it is meant for this program', async () => {
    const { properties, said } = await load('acks=all', 'acme.retries=3', 'spring.kafka.template=x');
    expect(properties).toEqual({ acks: -1 });
    expect(said.warn).toEqual([
      'no Kafka client knows these properties, which have no effect: acme.retries, spring.kafka.template',
    ]);
    await expect(loadProperties({ overrides: ['acme.retries=3'] })).rejects.toMatchObject({
      code: 'UNKNOWN_PROPERTY',
    });
  });

  test.each([
    ['bootstrap.server', 'bootstrap.servers'],
    ['sasl.mechanim', 'sasl.mechanism'],
    ['session.timeout', 'session.timeout.ms'],
    ['ssl.ca.locations', 'ssl.ca.location'],
    ['transaction.id', 'transactional.id'],
    ['Acks', 'acks'],
  ])('but resembles what has an effect: %s', async (name, meant) => {
    expect((await failure(`${name}=1`)).message).toBe(
      `property '${name}' (FILE) is not known; did you mean '${meant}'?`,
    );
  });
});

test("every property of Kafka's own clients is known, in the release that the tests run", async () => {
  const { java, classpath } = await findInstallation();
  const source = join(directory, 'Names.java');
  const configs = ['producer.Producer', 'consumer.Consumer', 'admin.AdminClient'];
  const prints = configs.map(
    (name) => `System.out.println(org.apache.kafka.clients.${name}Config.configNames());`,
  );
  await writeFile(source, `class Names { public static void main(String[] a) { ${prints.join(' ')} } }`);
  const { stdout } = await promisify(execFile)(java, ['-cp', classpath, source]);
  const names = new Set(stdout.match(/[a-z0-9.]{3,}/g));
  expect(names.size).toBeGreaterThan(120);
  names.delete('config.providers');
  const unknown = [...names].filter(
    (name) => !isKnown(canonicalName(name)) && otherProperty(name, '') === undefined,
  );
  expect(unknown).toEqual([]);
});
