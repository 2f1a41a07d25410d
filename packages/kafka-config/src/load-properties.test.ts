import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadProperties, loadSettings } from './index.ts';
import type { GivenValue, PropertySources } from './index.ts';
import { isSecret } from './shown.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kafka-config-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function properties(content: string | Buffer): Promise<string> {
  const file = join(directory, 'client.properties');
  await writeFile(file, content);
  return file;
}

async function load(overrides: string[]) {
  return await loadProperties({ overrides });
}

const typed = (origin: string, text: string): GivenValue => ({ text, source: 'command line', origin });
const variable = (origin: string, text: string): GivenValue => ({ text, source: 'environment', origin });
const inConfig = (text: string): GivenValue => ({ text, source: 'config file', origin: 'run.yaml' });

/** What a user sees when it goes wrong. */
async function failure(sources: PropertySources): Promise<{ code: string; message: string }> {
  const error: unknown = await loadProperties(sources).catch((thrown: unknown) => thrown);
  const { name, code, message } = error as { name: string; code: string; message: string };
  expect(name, String(error)).toBe('KafkaConfigError');
  expect(message).not.toContain('\n');
  return { code, message };
}

describe('where it is set', () => {
  const servers = 'bootstrap.servers';
  const flag = { flags: { [servers]: typed('--bootstrap-servers', 'flag:1') } };
  const override = { overrides: [`${servers}=override:1`] };
  const environment = { environment: { KAFKA_BOOTSTRAP_SERVERS: 'environment:1' } };
  const defaults = { defaults: { [servers]: 'default:1' } };

  test.each([
    ['default', {}],
    ['environment', environment],
    ['flag', { ...environment, ...flag }],
    ['override', { ...environment, ...override }],
  ])('%s wins over what is weaker', async (winner, sources) => {
    expect(await loadProperties({ ...defaults, ...sources })).toEqual({ [servers]: [`${winner}:1`] });
  });

  test('a file wins over a default, and loses to the environment and to flags', async () => {
    const file = await properties(`${servers}=file:1\n`);
    expect(await loadProperties({ ...defaults, file })).toEqual({ [servers]: ['file:1'] });
    expect(await loadProperties({ file, ...environment })).toEqual({ [servers]: ['environment:1'] });
    expect(await loadProperties({ file, ...flag })).toEqual({ [servers]: ['flag:1'] });
  });

  test('a flag that was not given sets nothing', async () => {
    const flags = { acks: undefined };
    expect(await loadProperties({ flags, defaults: { acks: '1' } })).toEqual({ acks: 1 });
  });

  test('an option from its environment variable wins over KAFKA_BOOTSTRAP_SERVERS, and loses to -X', async () => {
    const flags = { [servers]: variable('IMAGE_STREAM_BOOTSTRAP_SERVERS', 'variable:1') };
    expect(await loadProperties({ flags, ...environment })).toEqual({ [servers]: ['variable:1'] });
    expect(await loadProperties({ flags, ...override, ...environment })).toEqual({
      [servers]: ['override:1'],
    });
  });

  test('a config file wins over a properties file, and loses to the environment', async () => {
    const file = await properties(`${servers}=file:1\n`);
    const config = { flags: { [servers]: inConfig('config:1') } };
    expect(await loadProperties({ ...config, file })).toEqual({ [servers]: ['config:1'] });
    expect(await loadProperties({ ...config, ...environment })).toEqual({ [servers]: ['environment:1'] });
    // What everybody sees in the list of processes is the name of the file.
    const secret = { overrides: [inConfig('sasl.jaas.config=secret')] };
    expect((await failure(secret)).code).toBe('CONTRADICTION');
    expect((await failure({ flags: { acks: inConfig('2') } })).message).toBe(
      "acks must be one of 0, 1, all, -1, not '2' (run.yaml)",
    );
    expect((await failure({ overrides: [inConfig('acks')] })).message).toBe(
      "X of run.yaml takes name=value; acks has no '='",
    );
  });

  test.each([
    ['-X than a variable', [typed('-X', 'acks=1')], variable('IMAGE_STREAM_ACKS', 'all'), 1],
    [
      'a typed option than IMAGE_STREAM_X',
      [variable('IMAGE_STREAM_X', 'acks=1')],
      typed('--acks', 'all'),
      -1,
    ],
    ['a variable than X of a config file', [inConfig('acks=1')], variable('IMAGE_STREAM_ACKS', 'all'), -1],
    ['IMAGE_STREAM_X than a config file', [variable('IMAGE_STREAM_X', 'acks=1')], inConfig('all'), 1],
  ])('stronger is %s', async (_which, overrides, acks, expected) => {
    expect(await loadProperties({ flags: { acks }, overrides })).toEqual({ acks: expected });
  });

  test('what the user chose is told from the defaults, also where both say the same', async () => {
    const { given } = await loadSettings({ overrides: ['acks=1'], defaults: { acks: '1', 'group.id': 'a' } });
    expect(given).toEqual(new Set(['acks']));
  });

  test('of several -X the last wins', async () => {
    expect(await load(['acks=0', 'acks=all'])).toEqual({ acks: -1 });
  });

  test.each([
    ['1', '1'],
    ['all', '-1'],
    ['ALL', ' all'],
  ])('an option and -X may agree: %s and %s', async (text, other) => {
    const flags = { acks: typed('--acks', text) };
    expect(await loadProperties({ flags, overrides: [`acks=${other}`] })).toEqual({
      acks: text === '1' ? 1 : -1,
    });
  });

  test.each([
    [typed('--acks', '1'), typed('-X', 'acks=all'), "--acks sets acks to '1', but -X sets it to 'all'"],
    [
      variable('IMAGE_STREAM_ACKS', 'all'),
      variable('IMAGE_STREAM_X', 'acks=1'),
      "IMAGE_STREAM_ACKS sets acks to 'all', but IMAGE_STREAM_X sets it to '1'",
    ],
    [inConfig('0'), inConfig('acks=1'), "run.yaml sets acks to '0', but under X to '1'"],
  ])('but not contradict in one place: %j, %j', async (acks, property, message) => {
    const strongest = [typed('-X', 'client.id=a'), property];
    expect(await failure({ flags: { acks }, overrides: strongest })).toEqual({
      code: 'CONTRADICTION',
      message,
    });
  });

  test('a value may contain = and is trimmed', async () => {
    expect(await load(['client.id = a=b '])).toEqual({ 'client.id': 'a=b' });
  });
});

const tokenUrls =
  'https://host/path of an endpoint that issues tokens, without a user name (http:// on this machine only), ' +
  'or file:///path of the file that holds the token';

describe('a value is', () => {
  test.each([
    ['bootstrap.servers=a:1', ['a:1']],
    ['bootstrap.servers=a:1, b.example.org:65535', ['a:1', 'b.example.org:65535']],
    ['request.timeout.ms=1', 1],
    ['request.timeout.ms=+5', 5],
    ['request.timeout.ms=2147483647', 2_147_483_647],
    ['security.protocol=sasl_ssl', 'SASL_SSL'],
    ['acks=0', 0],
    ['acks=1', 1],
    ['acks=-1', -1],
    ['acks=ALL', -1],
    ['enable.auto.commit=True', true],
    ['enable.auto.commit=false', false],
    ['isolation.level=READ_COMMITTED', 'read_committed'],
    ['group.id=any text, really', 'any text, really'],
    ['client.id=', ''],
    ['auto.offset.reset=smallest', 'earliest'],
    ['auto.offset.reset=end', 'latest'],
  ])('read: %s', async (setting, value) => {
    const defaults = setting.includes('sasl') ? { 'sasl.mechanism': 'PLAIN', 'sasl.jaas.config': '-' } : {};
    const [name = ''] = setting.split('=');
    expect(await loadProperties({ overrides: [setting], defaults })).toHaveProperty([name], value);
  });

  test.each([
    ['bootstrap.servers', '', 'host:port or [IPv6 address]:port, or several of them separated by commas'],
    ['bootstrap.servers', 'a', 'host:port or [IPv6 address]:port, or several of them separated by commas'],
    ['bootstrap.servers', 'a:1,', 'host:port or [IPv6 address]:port, or several of them separated by commas'],
    ['bootstrap.servers', 'a:0', 'host:port or [IPv6 address]:port, or several of them separated by commas'],
    [
      'bootstrap.servers',
      'a:65536',
      'host:port or [IPv6 address]:port, or several of them separated by commas',
    ],
    [
      'bootstrap.servers',
      '::1:9092',
      'host:port or [IPv6 address]:port, or several of them separated by commas',
    ],
    [
      'bootstrap.servers',
      '[localhost]:9092',
      'host:port or [IPv6 address]:port, or several of them separated by commas',
    ],
    [
      'bootstrap.servers',
      'http://a:1',
      'host:port or [IPv6 address]:port, or several of them separated by commas',
    ],
    ['request.timeout.ms', '0', 'a whole number from 1 to 2147483647'],
    ['request.timeout.ms', '-1', 'a whole number from 1 to 2147483647'],
    ['request.timeout.ms', '2147483648', 'a whole number from 1 to 2147483647'],
    ['request.timeout.ms', '1.5', 'a whole number from 1 to 2147483647'],
    ['request.timeout.ms', '1e3', 'a whole number from 1 to 2147483647'],
    ['request.timeout.ms', '', 'a whole number from 1 to 2147483647'],
    ['group.id', '', 'a name of 1 to 32767 bytes'],
    ['group.id', ' ', 'a name of 1 to 32767 bytes'],
    ['enable.auto.commit', 'yes', 'true or false'],
    ['acks', '2', 'one of 0, 1, all, -1'],
    ['auto.offset.reset', 'none', 'one of earliest, latest'],
    ['sasl.mechanism', 'GSSAPI', 'one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM'],
    ['sasl.oauthbearer.token.endpoint.url', '/run/token', tokenUrls],
    ['sasl.oauthbearer.token.endpoint.url', 'http://login.example.org/token', tokenUrls],
    ['sasl.oauthbearer.token.endpoint.url', 'file://login.example.org/token', tokenUrls],
    [
      'sasl.oauthbearer.grant.type',
      'urn:ietf:params:oauth:grant-type:jwt-bearer',
      'one of client_credentials',
    ],
    ['sasl.oauthbearer.extensions', 'logicalCluster', 'name=value, or several of them separated by commas'],
    ['ssl.enabled.protocols', 'SSLv3,TLSv1.2', 'one of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3'],
    [
      'ssl.truststore.type',
      'JKS',
      "PEM (to convert a store: keytool -list -rfc -keystore 'STORE' > truststore.pem)",
    ],
  ])('refused: %s=%s', async (name, value, allowed) => {
    expect(await failure({ overrides: [`${name}=${value}`] })).toEqual({
      code: 'INVALID_PROPERTY',
      message: `${name} must be ${allowed}, not '${value}' (-X)`,
    });
  });
});

test.each(['group.id', 'client.id', 'client.rack'])('%s fits the protocol', async (name) => {
  expect(await load([`${name}=${'x'.repeat(32_767)}`])).toHaveProperty([name]);
  expect(await failure({ overrides: [`${name}=${'ä'.repeat(16_384)}`] })).toMatchObject({
    message: expect.stringMatching(
      /must be a name of [01] to 32767 bytes, not 'ä{100}\.\.\.' \(-X\)$/,
    ) as string,
  });
});

describe('an unknown property', () => {
  test('is named with its place, and the one that was meant', async () => {
    const file = await properties('session_timeout_ms=10000');
    expect(await failure({ file })).toEqual({
      code: 'UNKNOWN_PROPERTY',
      message: `property 'session_timeout_ms' (${file}) is not known; did you mean 'session.timeout.ms'?`,
    });
  });

  test.each(['acme.retries', 'constructor', '__proto__'])('%s resembles none', async (name) => {
    expect(await failure({ overrides: [`${name}=1`] })).toEqual({
      code: 'UNKNOWN_PROPERTY',
      message: `property '${name}' (-X) is not known; see the documentation for those that are`,
    });
  });
});

const sasl = ['security.protocol=SASL_SSL', 'sasl.mechanism=PLAIN', 'sasl.jaas.config=-'];
const token = 'sasl.oauthbearer.token.endpoint.url';

describe('properties that contradict one another', () => {
  // No command line may hold a secret.
  const sources = (settings: readonly string[]): PropertySources => ({
    defaults: Object.fromEntries(settings.filter(isSecret).map((setting) => setting.split(/=(.*)/s, 2))),
    overrides: settings.filter((setting) => !isSecret(setting)),
  });

  test.each([
    [['ssl.keystore.type=PEM'], 'ssl.keystore.type has no effect with security.protocol=PLAINTEXT'],
    [['sasl.mechanism=PLAIN'], 'sasl.mechanism has no effect with security.protocol=PLAINTEXT'],
    [['security.protocol=SSL', 'sasl.mechanism=PLAIN'], 'sasl.mechanism has no effect'],
    [sasl.slice(0, 1), 'security.protocol=SASL_SSL needs sasl.mechanism'],
    [sasl.slice(0, 2), 'sasl.mechanism=PLAIN needs sasl.jaas.config'],
    [[sasl[0]!, 'sasl.mechanism=OAUTHBEARER'], `sasl.mechanism=OAUTHBEARER needs ${token}`],
    [[...sasl, `${token}=file:///a`], `${token} has no effect with sasl.mechanism=PLAIN`],
    [[...sasl, 'ssl.keystore.key=a'], 'ssl.keystore.key needs ssl.keystore.certificate.chain'],
    [[...sasl, 'ssl.keystore.certificate.chain=a'], 'ssl.keystore.certificate.chain needs ssl.keystore.key'],
    [[...sasl, 'ssl.truststore.password=a'], 'must be PEM, which has no password; convert it with: keytool'],
    [
      [...sasl, 'ssl.keystore.location=a', 'ssl.keystore.key=b', 'ssl.keystore.certificate.chain=c'],
      'exclude one another',
    ],
    [[...sasl, 'ssl.truststore.location=a', 'ssl.truststore.certificates=b'], 'exclude one another'],
    [
      ['heartbeat.interval.ms=3000', 'session.timeout.ms=3000'],
      'heartbeat.interval.ms=3000 must be less than session.timeout.ms=3000',
    ],
    [
      ['heartbeat.interval.ms=60000'],
      'heartbeat.interval.ms=60000 must be less than session.timeout.ms=45000 (its default)',
    ],
    [
      ['session.timeout.ms=2000'],
      'heartbeat.interval.ms=3000 (its default) must be less than session.timeout.ms=2000',
    ],
    [
      ['fetch.max.wait.ms=30000'],
      'fetch.max.wait.ms=30000 must be less than request.timeout.ms=30000 (its default)',
    ],
    [
      ['fetch.max.wait.ms=600', 'request.timeout.ms=500'],
      'fetch.max.wait.ms=600 must be less than request.timeout.ms=500',
    ],
    [
      ['request.timeout.ms=5001', 'delivery.timeout.ms=5000'],
      'request.timeout.ms=5001 must not be more than delivery.timeout.ms=5000',
    ],
    [
      ['session.timeout.ms=60001', 'max.poll.interval.ms=60000'],
      'session.timeout.ms=60001 must not be more than max.poll.interval.ms=60000',
    ],
    [
      ['fetch.min.bytes=1001', 'fetch.max.bytes=1000'],
      'fetch.min.bytes=1001 must not be more than fetch.max.bytes=1000',
    ],
  ])('%j', async (settings, message) => {
    expect(await failure(sources(settings))).toEqual({
      code: 'CONTRADICTION',
      message: expect.stringContaining(message) as string,
    });
  });

  test.each([
    [['request.timeout.ms=400']],
    [['request.timeout.ms=5000', 'delivery.timeout.ms=5000']],
    [['session.timeout.ms=60000', 'max.poll.interval.ms=60000']],
    [['fetch.min.bytes=1000', 'fetch.max.bytes=1000']],
    [['session.timeout.ms=2147483647']],
  ])('and %j is taken', async (settings) => {
    expect(Object.keys(await loadProperties(sources(settings)))).toHaveLength(settings.length);
  });

  test('a default of the program contradicts nothing that the user says', async () => {
    const defaults = { 'request.timeout.ms': '300000', 'fetch.max.bytes': '1000' };
    const overrides = ['delivery.timeout.ms=1000', 'fetch.min.bytes=2000'];
    expect(await loadProperties({ defaults, overrides })).toMatchObject({ 'delivery.timeout.ms': 1000 });
  });

  test('and those that agree are taken', async () => {
    const settings = [...sasl, 'heartbeat.interval.ms=2999', 'session.timeout.ms=3000'];
    expect(Object.keys(await loadProperties(sources(settings)))).toHaveLength(5);
  });
});

const notTyped = (name: string): string =>
  `-X must not hold '${name}', which others would see in the list of processes; ` +
  'set it in the file of --command-config, or in IMAGE_STREAM_X';

describe('no message shows a secret', () => {
  test.each([
    'sasl.jaas.config',
    'sasl.password',
    'ssl.key.password',
    'ssl.keystore.password',
    'ssl.keystore.key',
    'ssl.key.pem',
  ])('and %s is refused on the command line, where all users of the machine see it', async (name) => {
    expect(await failure({ overrides: [`${name}=hunter2`] })).toEqual({
      code: 'INVALID_PROPERTY',
      message: notTyped(name),
    });
  });

  test('but IMAGE_STREAM_X takes it, unless it is typed as well', async () => {
    const override = 'ssl.key.password=hunter2';
    const overrides = ['security.protocol=SSL', variable('IMAGE_STREAM_X', override)];
    expect(await loadProperties({ overrides })).toMatchObject({ 'ssl.key.password': 'hunter2' });
    expect((await failure({ overrides: [...overrides, override] })).message).toMatch(/^-X must not hold /);
  });

  test.each([
    ['hunter2', 'INVALID_PROPERTY', '-X takes name=value'],
    ['=hunter2', 'INVALID_PROPERTY', '-X takes name=value'],
    ['ssl.key.password:hunter2', 'INVALID_PROPERTY', "-X takes name=value; ssl.key.password has no '='"],
    [
      'ssl.key.password hunter2=x',
      'UNKNOWN_PROPERTY',
      'property with a name that is not shown (-X) is not known; see the documentation for those that are',
    ],
    [
      'ssl.keypassword=hunter2',
      'UNKNOWN_PROPERTY',
      "property 'ssl.keypassword' (-X) is not known; did you mean 'ssl.key.password'?",
    ],
    ['basic.auth.user.info=hunter2', 'INVALID_PROPERTY', notTyped('basic.auth.user.info')],
    [
      'sasl.oauthbearer.client.secret=hunter2',
      'INVALID_PROPERTY',
      notTyped('sasl.oauthbearer.client.secret'),
    ],
  ])('in the mistake -X %j', async (override, code, message) => {
    expect(await failure({ overrides: [override] })).toEqual({ code, message });
  });

  test('in a URL', async () => {
    const setting =
      'sasl.oauthbearer.token.endpoint.url=https://camera:hunter2@login.example.org/token?key=hunter2';
    expect((await failure({ overrides: [setting] })).message).toMatch(
      /not 'https:\/\/\.\.\.@login\.example\.org\/token\?\.\.\.' \(-X\)$/,
    );
  });

  test('when the lines of a private key lack their continuation', async () => {
    const line = 'MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC7VJTUt9Us8cKj';
    const file = await properties(`ssl.keystore.key=-----BEGIN PRIVATE KEY-----\n${line}\n`);
    const { code, message } = await failure({ file });
    expect(code).toBe('UNKNOWN_PROPERTY');
    expect(message).not.toContain(line);
  });
});

describe('a file', () => {
  test('is in the syntax of Java properties', async () => {
    const file = await properties(
      [
        '# a comment',
        '! another = one',
        '',
        'client.id = spaces around',
        'group.id: colon',
        'client.rack blank',
        '  acks=all',
        'bootstrap.servers=a:1,\\',
        '    b:2,\\',
        '    c\\u002Ed:3',
      ].join('\r\n'),
    );
    expect(await loadProperties({ file })).toEqual({
      'client.id': 'spaces around',
      'group.id': 'colon',
      'client.rack': 'blank',
      acks: -1,
      'bootstrap.servers': ['a:1', 'b:2', 'c.d:3'],
    });
  });

  test('that repeats a property ends with its last value', async () => {
    expect(await loadProperties({ file: await properties('acks=0\nacks=1\n') })).toEqual({ acks: 1 });
  });

  test.each([
    ['with a byte order mark', Buffer.from('\uFEFFclient.id=Kamera-ä\r\nacks=all\r\n')],
    ['in ISO 8859-1, which Java expects', Buffer.from('client.id=Kamera-ä\nacks=all', 'latin1')],
    ['with escapes', Buffer.from('client.id=Kamera-\\u00e4\nacks=all')],
    ['with line ends of old', Buffer.from('client.id=Kamera-ä\racks=all\r')],
  ])('%s', async (_case, content) => {
    expect(await loadProperties({ file: await properties(content) })).toEqual({
      'client.id': 'Kamera-ä',
      acks: -1,
    });
  });

  test.each([
    [Buffer.from('\uFEFFacks=all', 'utf16le'), 'is in UTF-16, or is no text; save it as UTF-8'],
    [
      Buffer.from(String.raw`ssl.truststore.location=C:\users\ca.pem`),
      String.raw`has \u without four hexadecimal digits; write the backslash of a path twice`,
    ],
  ])('that cannot be understood', async (content, problem) => {
    const file = await properties(content);
    expect(await failure({ file })).toEqual({
      code: 'UNREADABLE_FILE',
      message: `cannot read the properties file: ${file} ${problem}`,
    });
  });

  test('that is not there is reported', async () => {
    const file = join(directory, 'missing');
    const { code, message } = await failure({ file });
    expect(code).toBe('UNREADABLE_FILE');
    expect(message).toMatch(/^cannot read the properties file: ENOENT.*missing/);
  });
});

describe("Kafka's configuration providers", () => {
  const provider = 'org.apache.kafka.common.config.provider.';
  const declared = [
    'config.providers=env, file,dir',
    `config.providers.env.class=${provider}EnvVarConfigProvider`,
    `config.providers.file.class=${provider}FileConfigProvider`,
    `config.providers.dir.class=${provider}DirectoryConfigProvider`,
  ];
  const environment = { WHO: 'camera', ACKS: 'hunter2' };

  test('replace what a value refers to', async () => {
    const secrets = join(directory, 'secrets.properties');
    await writeFile(secrets, 'acks = all\n');
    await writeFile(join(directory, 'rack'), 'west\n');
    const file = await properties(
      [
        ...declared,
        'client.id=${env:WHO}-${env:WHO}!',
        `acks=\${file:${secrets}:acks}`,
        `client.rack=\${dir:${directory}:rack}`,
        'group.id=${vault:WHO}',
      ].join('\n'),
    );
    expect(await loadProperties({ file, environment })).toEqual({
      'client.id': 'camera-camera!',
      acks: -1,
      'client.rack': 'west',
      'group.id': '${vault:WHO}',
    });
  });

  test('mean nothing unless they are declared', async () => {
    const file = await properties('client.id=${env:WHO}');
    expect(await loadProperties({ file, environment })).toEqual({ 'client.id': '${env:WHO}' });
  });

  test.each([
    ['client.id=${env:WHOM}', "'client.id' (FILE) refers to ${env:WHOM}: the environment has no WHOM"],
    ['client.id=${file:FILE:whom}', "'client.id' (FILE) refers to ${file:FILE:whom}: there is no whom in it"],
    ['client.id=${dir:/missing:whom}', "'client.id' (FILE) refers to ${dir:/missing:whom}: ENOENT"],
    ['acks=${env:ACKS}', "acks must be one of 0, 1, all, -1, not '${env:ACKS}' (FILE)"],
    [
      'config.providers.vault.class=Vault',
      "property 'config.providers.vault.class' (FILE) is not known, or config.providers lacks its name",
    ],
    [
      'config.providers=vault\nconfig.providers.vault.class=Vault',
      `config.providers.vault.class must be one of ${provider}EnvVarConfigProvider, `,
    ],
  ])('cannot serve %j', async (line, expected) => {
    const path = join(directory, 'client.properties');
    const lines = line.startsWith('config.providers=') ? [line] : [...declared, line];
    const file = await properties(lines.join('\n').replaceAll('FILE', path));
    const { message } = await failure({ file, environment });
    expect(message.startsWith(expected.replaceAll('FILE', path)), message).toBe(true);
    expect(message).not.toContain('hunter2');
  });
});
