import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { createCertificates } from '@image-stream/local-kafka';
import type { Certificates } from '@image-stream/local-kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientConfig, loadProperties } from './index.ts';

let directory: string;
let certificates: Certificates;
const pem = { ca: '', cert: '', key: '' };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kafka-config-security-'));
  certificates = await createCertificates(directory);
  pem.ca = await readFile(certificates.ca, 'utf8');
  pem.cert = await readFile(certificates.clientCertificate, 'utf8');
  pem.key = await readFile(certificates.clientKey, 'utf8');
});
afterAll(() => rm(directory, { recursive: true }));

async function configure(...settings: string[]) {
  const defaults = Object.fromEntries(settings.map((setting) => setting.split(/=(.*)/s, 2)));
  return await clientConfig(await loadProperties({ defaults }), { debug: () => {} });
}

async function tls(...settings: string[]): Promise<ConnectionOptions> {
  return (await configure('security.protocol=SSL', ...settings)).ssl as ConnectionOptions;
}

async function store(name: string, content: string): Promise<string> {
  await writeFile(join(directory, name), content);
  return join(directory, name);
}

test.each([
  ['PLAINTEXT', false, false],
  ['SSL', true, false],
  ['SASL_PLAINTEXT', false, true],
  ['SASL_SSL', true, true],
])('%s', async (protocol, hasTls, hasSasl) => {
  const login = ['sasl.mechanism=PLAIN', 'sasl.jaas.config=L required username="a" password="b";'];
  const { ssl, sasl } = await configure(`security.protocol=${protocol}`, ...(hasSasl ? login : []));
  expect(ssl !== false).toBe(hasTls);
  expect(sasl).toEqual(hasSasl ? { mechanism: 'plain', username: 'a', password: 'b' } : undefined);
});

describe('PEM', () => {
  test('stores are read from files; a key store holds the key and its chain', async () => {
    const keystore = await store('keystore.pem', pem.key + pem.cert);
    const both = Buffer.from(pem.key + pem.cert);
    expect(
      await tls(`ssl.truststore.location=${certificates.ca}`, `ssl.keystore.location=${keystore}`),
    ).toEqual({ ca: Buffer.from(pem.ca), cert: both, key: both });
  });

  test('may stand in the properties themselves, on one line as Kafka allows it', async () => {
    const line = (text: string): string => text.replaceAll(/\r?\n/g, ' ');
    expect(
      await tls(
        `ssl.truststore.certificates=${line(pem.ca)}`,
        `ssl.keystore.certificate.chain=${line(pem.cert)}`,
        `ssl.keystore.key=${line(pem.key)}`,
      ),
    ).toEqual({ ca: unix(pem.ca), cert: unix(pem.cert), key: unix(pem.key) });
  });

  test('an encrypted key needs its password', async () => {
    const encrypted = createPrivateKey(pem.key).export({
      format: 'pem',
      type: 'pkcs8',
      cipher: 'aes-256-cbc',
      passphrase: 'secret',
    });
    const keystore = await store('encrypted.pem', String(encrypted) + pem.cert);
    expect(await tls(`ssl.keystore.location=${keystore}`, 'ssl.key.password=secret')).toMatchObject({
      passphrase: 'secret',
    });
    await expect(tls(`ssl.keystore.location=${keystore}`, 'ssl.key.password=wrong')).rejects.toMatchObject({
      code: 'INVALID_PROPERTY',
      message: expect.stringMatching(/cannot be used.*check their passwords/) as string,
    });
  });
});

describe('PKCS #12', () => {
  const pkcs12 = 'ssl.keystore.type=PKCS12';

  test('is taken as a key store', async () => {
    const location = `ssl.keystore.location=${certificates.clientKeystore}`;
    const { pfx, passphrase, cert, key } = await tls(
      pkcs12,
      location,
      `ssl.keystore.password=${certificates.password}`,
    );
    expect(pfx).toEqual(await readFile(certificates.clientKeystore));
    expect({ passphrase, cert, key }).toEqual({ passphrase: certificates.password });
  });

  test('with a wrong password is refused before any connection, without the password', async () => {
    const location = `ssl.keystore.location=${certificates.clientKeystore}`;
    const error = await tls(pkcs12, location, 'ssl.keystore.password=hunter2').catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: 'INVALID_PROPERTY',
      message: expect.stringMatching(/cannot be used: .*; check their passwords$/) as string,
    });
    expect(String(error)).not.toContain('hunter2');
  });

  test.each([
    ['PEM', 'PKCS12', () => certificates.clientKeystore],
    ['PKCS12', 'PEM', () => certificates.ca],
  ])('set to %s for a file that is %s, its type is said to be wrong', async (type, format, file) => {
    await expect(
      tls(`ssl.keystore.location=${file()}`, `ssl.keystore.type=${type}`, 'ssl.keystore.password=changeit'),
    ).rejects.toMatchObject({
      code: 'INVALID_PROPERTY',
      message: `ssl.keystore.type is ${type}, but ssl.keystore.location ${file()} is ${format}; set ssl.keystore.type=${format}`,
    });
  });

  test('needs no type, as in Java and in librdkafka', async () => {
    const location = `ssl.keystore.location=${certificates.clientKeystore}`;
    const password = `ssl.keystore.password=${certificates.password}`;
    expect(await tls(location, password)).toEqual({
      pfx: await readFile(certificates.clientKeystore),
      passphrase: certificates.password,
    });
  });
});

describe.each(['JKS', 'JCEKS', 'PKCS12'])('a %s trust store', (type) => {
  const command = /convert it with: (keytool .* > truststore\.pem)$/;

  test('is refused with the command that converts it', async () => {
    const file = join(directory, `the user's trust.${type}`);
    execFileSync(
      'keytool',
      [
        ...['-importcert', '-noprompt', '-alias', 'ca', '-file', certificates.ca],
        ...['-keystore', file, '-storetype', type, '-storepass', 'changeit'],
      ],
      { stdio: 'pipe' },
    );
    const location = `ssl.truststore.location=${file}`;
    const error = (await tls(location).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({
      code: 'UNREADABLE_FILE',
      message: expect.stringMatching(command) as string,
    });
    // As in a properties file of Kafka, which has the password too.
    await expect(tls(location, 'ssl.truststore.password=changeit')).rejects.toMatchObject({
      code: 'CONTRADICTION',
      message: expect.stringMatching(command) as string,
    });

    // As printed: a shell runs it, and keytool asks for the password.
    const printed = command.exec(error.message)![1]!;
    execFileSync('sh', ['-c', printed], { cwd: directory, input: 'changeit\n', stdio: 'pipe' });
    const { ca } = await tls(`ssl.truststore.location=${join(directory, 'truststore.pem')}`);
    expect(unix(String(ca))).toContain(unix(pem.ca).trim());
  });
});

test('a certificate in DER as a trust store is refused with the command that converts it', async () => {
  const file = join(directory, 'ca.cer');
  await writeFile(file, new X509Certificate(pem.ca).raw);
  const error = await tls(`ssl.truststore.location=${file}`).catch((thrown: unknown) => thrown);
  const [, printed] = /convert it with: (keytool .* > truststore\.pem)$/.exec((error as Error).message) ?? [];
  execFileSync('sh', ['-c', printed!], { cwd: directory, stdio: 'pipe' });
  const { ca } = await tls(`ssl.truststore.location=${join(directory, 'truststore.pem')}`);
  expect(unix(String(ca))).toContain(unix(pem.ca).trim());
});

test.each(['garbage', ''])('a trust store that holds "%s" is refused', async (content) => {
  const file = await store('garbage.jks', content);
  await expect(tls(`ssl.truststore.location=${file}`)).rejects.toMatchObject({ code: 'UNREADABLE_FILE' });
});

describe.each(['JKS', 'JCEKS'])('a %s key store is refused with the command that converts it,', (type) => {
  const password = 'changeit';
  let file: string;
  beforeAll(() => {
    file = join(directory, `the client's.${type}`);
    const [from, to] = [certificates.clientKeystore, file];
    execFileSync(
      'keytool',
      [
        ...['-importkeystore', '-srckeystore', from, '-srcstorepass', certificates.password],
        ...[
          '-destkeystore',
          to,
          '-deststoretype',
          type,
          '-deststorepass',
          password,
          '-destkeypass',
          password,
        ],
      ],
      { stdio: 'pipe' },
    );
  });

  test.each([
    ['without a type'],
    ['as PKCS12', 'ssl.keystore.type=PKCS12'],
    ['as PEM', 'ssl.keystore.type=PEM'],
  ])('%s', async (_case, ...settings) => {
    const error = (await tls(`ssl.keystore.location=${file}`, ...settings).catch(
      (thrown: unknown) => thrown,
    )) as Error;
    expect(error).toMatchObject({
      code: 'UNREADABLE_FILE',
      message: expect.stringContaining(`${file} is a ${type} store; PEM and PKCS12 are read`) as string,
    });
    const [, printed] = /with ssl\.keystore\.type=PKCS12: (keytool .*)$/.exec(error.message) ?? [];
    await rm(join(directory, 'keystore.p12'), { force: true });
    const input = `${password}\n${password}\n${password}\n`;
    execFileSync('sh', ['-c', printed!], { cwd: directory, input, stdio: 'pipe' });
    const converted = `ssl.keystore.location=${join(directory, 'keystore.p12')}`;
    expect(
      await tls('ssl.keystore.type=PKCS12', converted, `ssl.keystore.password=${password}`),
    ).toHaveProperty('pfx');
  });

  test('by the type that is set', async () => {
    await expect(tls(`ssl.keystore.type=${type}`)).rejects.toThrow(
      `ssl.keystore.type must be PEM or PKCS12 (to convert a store: keytool -importkeystore -srckeystore 'STORE'`,
    );
  });
});

test.each(['ssl.truststore.location', 'ssl.keystore.location'])('%s that is not there', async (name) => {
  await expect(tls(`${name}=/missing/store.pem`)).rejects.toMatchObject({
    code: 'UNREADABLE_FILE',
    message: expect.stringMatching(new RegExp(`^cannot read ${name}: ENOENT.*/missing/store.pem`)) as string,
  });
});

test("librdkafka's names for keys and certificates", async () => {
  expect(
    await tls(
      `ssl.ca.location=${certificates.ca}`,
      `ssl.certificate.location=${certificates.clientCertificate}`,
      `ssl.key.location=${certificates.clientKey}`,
    ),
  ).toEqual({ ca: Buffer.from(pem.ca), cert: Buffer.from(pem.cert), key: Buffer.from(pem.key) });
  await expect(tls(`ssl.key.location=${certificates.clientKey}`)).rejects.toMatchObject({
    code: 'CONTRADICTION',
    message: 'ssl.key.location needs ssl.certificate.location',
  });
});

test('the versions of TLS', async () => {
  expect(await tls('ssl.enabled.protocols=TLSv1.3,TLSv1.2')).toEqual({
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
  });
  expect(await tls('ssl.enabled.protocols=TLSv1.2')).toEqual({
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
  });
});

test('the host name is checked, unless the algorithm is empty', async () => {
  expect(await tls()).toEqual({});
  expect(await tls('ssl.endpoint.identification.algorithm=https')).toEqual({});
  for (const none of ['', 'none']) {
    const { checkServerIdentity } = await tls(`ssl.endpoint.identification.algorithm=${none}`);
    expect(checkServerIdentity!('a', {} as never)).toBeUndefined();
  }
});

describe('sasl.jaas.config', () => {
  const login = async (mechanism: string, jaas: string) =>
    (
      await configure(
        'security.protocol=SASL_PLAINTEXT',
        `sasl.mechanism=${mechanism}`,
        `sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required ${jaas}`,
      )
    ).sasl;

  test.each([
    ['username="a" password="b";', 'a', 'b'],
    ['password="b"\n  username="a";', 'a', 'b'],
    [String.raw`username = "a" password = "q\"u\\o;te=" ;`, 'a', String.raw`q"u\o;te=`],
    [`username='a' password='it"s';`, 'a', 'it"s'],
    ['username=a password=b;', 'a', 'b'],
    ['password="username=" username="a";', 'a', 'username='],
    ['username="a" password="";', 'a', ''],
    ['username="ä" password="ü 漢";', 'ä', 'ü 漢'],
  ])('%s', async (jaas, username, password) => {
    expect(await login('PLAIN', jaas)).toEqual({ mechanism: 'plain', username, password });
  });

  test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])('with %s', async (mechanism) => {
    expect(await login(mechanism, 'username="a" password="b";')).toMatchObject({
      mechanism: mechanism.toLowerCase(),
    });
  });

  test('or sasl.username and sasl.password, as librdkafka has them', async () => {
    const lines = ['security.protocol=sasl_plaintext', 'sasl.mechanisms=SCRAM-SHA-256', 'sasl.username=a'];
    const { sasl } = await configure(...lines, 'sasl.password=b');
    expect(sasl).toEqual({ mechanism: 'scram-sha-256', username: 'a', password: 'b' });
    await expect(configure(...lines)).rejects.toMatchObject({ code: 'CONTRADICTION' });
    const jaas = 'sasl.jaas.config=L required username="a" password="c";';
    expect((await configure(...lines, jaas)).sasl).toMatchObject({ username: 'a', password: 'c' });
    await expect(configure(...lines, 'sasl.password=b', jaas)).rejects.toMatchObject({
      code: 'CONTRADICTION',
      message: 'sasl.password and password in sasl.jaas.config differ, and mean the same; remove one of them',
    });
  });

  test.each([
    ['username="a";', 'password'],
    ['password="hunter2";', 'username'],
    ['username="a" password="hunter2', 'password'],
  ])('lacks an option: %s', async (jaas, name) => {
    await expect(login('PLAIN', jaas)).rejects.toMatchObject({
      code: 'INVALID_PROPERTY',
      message: `sasl.jaas.config must contain ${name}="..."`,
    });
  });
});

function unix(text: string): string {
  return text.replaceAll('\r\n', '\n');
}
