import { createPrivateKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCertificates, startKafka } from '@image-stream/local-kafka';
import type { Certificates, KafkaCluster } from '@image-stream/local-kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { client, connect, failure, keystore, temporaryFolder } from './secured.test-support.ts';
import { forwarder, listen } from './forwarder.test-support.ts';

const folder = temporaryFolder();
let certificates: Certificates;
let expired: Certificates;
let kafka: KafkaCluster;
let kafkaExpired: KafkaCluster;
beforeAll(async () => {
  [certificates, expired] = await Promise.all([
    createCertificates(join(folder(), 'certificates')),
    createCertificates(join(folder(), 'expired'), { expired: true }),
  ]);
  const ca = await file('both.pem', certificates.ca, expired.ca);
  [kafka, kafkaExpired] = await Promise.all([
    startKafka({ securityProtocol: 'SSL', certificates: { ...certificates, ca }, clientAuth: 'required' }),
    startKafka({ securityProtocol: 'SSL', certificates: expired }),
  ]);
});
afterAll(() => Promise.all([kafka.stop(), kafkaExpired.stop()]));

/** A file in the folder that holds the others. */
async function file(name: string, ...sources: string[]): Promise<string> {
  const path = join(folder(), name);
  await writeFile(path, (await Promise.all(sources.map((source) => readFile(source)))).join(''));
  return path;
}

const trust = (): string[] => ['security.protocol=SSL', `ssl.truststore.location=${certificates.ca}`];
const secured = (...lines: string[]) => client(folder(), kafka.bootstrapServers, ...lines);

describe('the broker takes', () => {
  test('a PEM key store', async () => {
    const store = await file('keystore.pem', certificates.clientKey, certificates.clientCertificate);
    const settings = ['ssl.truststore.type=PEM', 'ssl.keystore.type=PEM', `ssl.keystore.location=${store}`];
    await connect(await secured(...trust(), ...settings));
  });

  test('one with an encrypted key', async () => {
    const encrypted = createPrivateKey(await readFile(certificates.clientKey)).export({
      format: 'pem',
      type: 'pkcs8',
      cipher: 'aes-256-cbc',
      passphrase: 'secret',
    });
    const key = join(folder(), 'encrypted.pem');
    await writeFile(key, encrypted);
    const store = await file('encrypted-keystore.pem', key, certificates.clientCertificate);
    const settings = [`ssl.keystore.location=${store}`, 'ssl.key.password=secret'];
    await connect(await secured(...trust(), ...settings));
  });

  test('PEM in the file itself', async () => {
    const line = async (source: string): Promise<string> =>
      (await readFile(source, 'utf8')).trim().split(/\r?\n/).join(' \\\n  ');
    await connect(
      await secured(
        'security.protocol=SSL',
        `ssl.truststore.certificates=${await line(certificates.ca)}`,
        `ssl.keystore.certificate.chain=${await line(certificates.clientCertificate)}`,
        `ssl.keystore.key=${await line(certificates.clientKey)}`,
      ),
    );
  });

  test("files under librdkafka's names", async () => {
    await connect(
      await secured(
        'security.protocol=ssl',
        `ssl.ca.location=${certificates.ca}`,
        `ssl.certificate.location=${certificates.clientCertificate}`,
        `ssl.key.location=${certificates.clientKey}`,
      ),
    );
  });

  test('a key store whose type is not set, also when its handshake takes longer than a refusal', async () => {
    const slow = forwarder(kafka.bootstrapServers, 2000);
    const address = `127.0.0.1:${await listen(slow)}`;
    const [, ...untyped] = keystore(certificates);
    await connect(await client(folder(), address, ...trust(), ...untyped));
    slow.close();
  });

  test('a PKCS #12 key store', async () => {
    await connect(await secured(...trust(), ...keystore(certificates)));
  });
});

// kafkajs tries for some seconds before it gives a connection up.
describe.concurrent('one line says what is wrong:', () => {
  test('no certificate of the client', async () => {
    const { code, message } = await failure(await secured(...trust()));
    expect(code).toBe('AUTHENTICATION_FAILED');
    expect(message).toMatch(/the broker asks for a certificate of this client .*; set ssl.keystore.\*$/);
  });

  test('an expired certificate of the client', async () => {
    const { code, message } = await failure(await secured(...trust(), ...keystore(expired)));
    expect(code).toBe('AUTHENTICATION_FAILED');
    expect(message).toMatch(
      /the broker refused the client's certificate .*check that the one of ssl.keystore.\* has not expired/,
    );
  });

  test('an expired certificate of the broker', async () => {
    const settings = ['security.protocol=SSL', `ssl.truststore.location=${expired.ca}`];
    expect(await failure(await client(folder(), kafkaExpired.bootstrapServers, ...settings))).toEqual({
      code: 'UNREACHABLE',
      message:
        "cannot reach Kafka at kafka: the broker's certificate has expired; " +
        'renew it on the broker, or correct the clock of this machine',
    });
  });
});
