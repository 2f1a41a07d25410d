import { createHash, createHmac } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createCertificates, startKafka } from '@image-stream/local-kafka';
import type { Certificates, KafkaCluster } from '@image-stream/local-kafka';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import kafkajs from 'kafkajs';
// A login that fails while records are sent is for the sender to wait for.
import { createSender } from '../../kafka-client/src/index.ts';
import { clientConfig, loadProperties, untilServed } from './index.ts';
import { client, connect, failure, temporaryFolder, unsignedToken } from './secured.test-support.ts';
import { listen, tappedBroker } from './forwarder.test-support.ts';

const folder = temporaryFolder();
const oauth = 'org.apache.kafka.common.security.oauthbearer.';
let certificates: Certificates;
let kafka: KafkaCluster;
let broker: Awaited<ReturnType<typeof tappedBroker>>;

beforeAll(async () => {
  const mechanism = 'listener.name.client.oauthbearer.sasl.jaas.config';
  [certificates, kafka] = await Promise.all([
    createCertificates(join(folder(), 'certificates')),
    startKafka({
      securityProtocol: 'SASL_PLAINTEXT',
      users: { alice: 'secret' },
      config: {
        'listener.name.client.sasl.enabled.mechanisms': 'PLAIN,OAUTHBEARER',
        // With OAUTHBEARER, Kafka takes tokens without a signature unless it is told how to check one.
        [mechanism]: `${oauth}OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
        // The client logs in again ten seconds before that.
        'listener.name.client.oauthbearer.connections.max.reauth.ms': '12000',
      },
    }),
  ]);
  broker = await tappedBroker(kafka.bootstrapServers);
});
afterAll(async () => {
  broker.close();
  await kafka.stop();
});

/** What the endpoint was asked. */
interface Asked {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly form: Record<string, string>;
}

describe('a token endpoint', () => {
  const asked: Asked[] = [];
  let answer: RequestListener;
  let url: string;
  let server: ReturnType<typeof createServer>;
  beforeAll(async () => {
    const pfx = await readFile(certificates.serverKeystore);
    server = createServer({ pfx, passphrase: certificates.password }, (request, response) => {
      void remember(request).then(() => answer(request, response));
    });
    url = `https://127.0.0.1:${await listen(server)}/token`;
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });
  beforeEach(() => {
    asked.length = 0;
    answer = gives(unsignedToken(3600));
  });

  async function remember(request: IncomingMessage): Promise<void> {
    const form = Object.fromEntries(new URLSearchParams(await text(request)));
    asked.push({ path: request.url!, authorization: request.headers.authorization, form });
  }

  const gives =
    (token: string): RequestListener =>
    (_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 3600 }));
    };

  const says =
    (status: number, body: string, headers: Record<string, string> = {}): RequestListener =>
    (_request, response) =>
      void response.writeHead(status, headers).end(body);

  const librdkafka = [
    'sasl.mechanisms=OAUTHBEARER',
    'sasl.oauthbearer.method=oidc',
    'sasl.oauthbearer.client.id=camera',
    'sasl.oauthbearer.client.secret=se:c ret',
    'sasl.oauthbearer.scope=kafka images',
    'sasl.oauthbearer.extensions=logicalCluster=lkc-1,identityPoolId=pool-1',
  ];
  const java = [
    'sasl.mechanism=OAUTHBEARER',
    `sasl.login.callback.handler.class=${oauth}OAuthBearerLoginCallbackHandler`,
    `sasl.jaas.config=${oauth}OAuthBearerLoginModule required clientId="camera" clientSecret="se:c ret" \\`,
    '  scope="kafka images" extension_logicalCluster="lkc-1" extension_identityPoolId="pool-1";',
  ];
  const configure = (lines: readonly string[], endpoint = url) =>
    client(
      folder(),
      broker.address,
      'security.protocol=SASL_PLAINTEXT',
      `sasl.oauthbearer.token.endpoint.url=${endpoint}`,
      ...lines,
    );
  const trusted = () => [`https.ca.location=${certificates.ca}`];

  test.each([
    ["librdkafka's names", librdkafka],
    ["Java's names", java],
  ])('gives a token to a broker, with %s; one serves all connections', async (_names, lines) => {
    const ready = await configure([...lines, ...trusted()]);
    await Promise.all([connect(ready), connect(ready)]);
    await connect(ready);
    expect(asked).toEqual([
      {
        path: '/token',
        authorization: `Basic ${Buffer.from('camera:se:c ret').toString('base64')}`,
        form: { grant_type: 'client_credentials', scope: 'kafka images' },
      },
    ]);
    expect(broker.login().extensions).toEqual(['logicalCluster=lkc-1', 'identityPoolId=pool-1']);
  });

  test('may want its login URL-encoded', async () => {
    await configure([...librdkafka, ...trusted(), 'sasl.oauthbearer.header.urlencode=true']);
    expect(asked[0]!.authorization).toBe(`Basic ${Buffer.from('camera:se%3Ac%20ret').toString('base64')}`);
  });

  test('is asked again where a token ends soon, and after a refusal', async () => {
    answer = gives(unsignedToken(20));
    const ready = await configure([...librdkafka, ...trusted()]);
    const next = unsignedToken(3600);
    answer = gives(next);
    await connect(ready);
    expect(broker.login().token).toBe(next);
    expect(asked).toHaveLength(2);

    answer = gives('opaque');
    const refused = await configure([...librdkafka, ...trusted()]);
    expect(await failure(refused)).toEqual({
      code: 'AUTHENTICATION_FAILED',
      message:
        'authentication failed: the broker refused the token (invalid_token); check that ' +
        `${url} issues tokens for this broker, and the clock of this machine`,
    });
    answer = gives(unsignedToken(3600));
    await connect(refused);
  });

  test('over http on this machine only', async () => {
    const plain = createHttpServer((...exchange) => gives(unsignedToken(3600))(...exchange));
    const port = await listen(plain);
    await connect(await configure(librdkafka, `http://localhost:${port}/token`));
    plain.close();
  });

  test.each<[string, () => RequestListener, string, RegExp]>([
    [
      'refuses the secret',
      () => says(401, '{"error":"invalid_client","error_description":"unknown\\nclient"}'),
      'AUTHENTICATION_FAILED',
      /^the token endpoint URL gave no token \(HTTP 401, invalid_client, unknown client\); check its URL, and the client id/,
    ],
    ['fails', () => says(500, 'oops'), 'UNREACHABLE', /^the token endpoint URL has failed \(HTTP 500\)/],
    [
      'answers with a page',
      () => says(200, '<html>', { 'content-type': 'text/html' }),
      'AUTHENTICATION_FAILED',
      /^the token endpoint URL answered without an access_token \(text\/html\)/,
    ],
    [
      'leads elsewhere',
      () => says(302, '', { location: 'https://example.org' }),
      'AUTHENTICATION_FAILED',
      /^the token endpoint URL gave no token \(HTTP 302\)/,
    ],
    [
      'answers without an end',
      () => says(200, 'x'.repeat(300_000)),
      'UNREACHABLE',
      /^cannot reach the token endpoint URL: its answer is longer than 262144 bytes/,
    ],
    ['hangs', () => () => {}, 'UNREACHABLE', /^cannot reach the token endpoint URL: no answer within 5 s/],
    [
      'gives one that has expired',
      () => gives(unsignedToken(-60)),
      'AUTHENTICATION_FAILED',
      /^the token endpoint URL gave a token that expired at \S+; check the clocks of both machines$/,
    ],
  ])('that %s is told before a broker is asked', async (_what, how, code, message) => {
    answer = how();
    const error = await configure([...librdkafka, ...trusted()]).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'KafkaConfigError', code });
    expect((error as Error).message.replaceAll(url, 'URL')).toMatch(message);
    expect(String(error)).not.toMatch(/\n|se:c ret/);
  });

  test("is trusted by Node's authorities or its own, not by those of the brokers", async () => {
    const brokers = `ssl.truststore.location=${certificates.ca}`;
    const protocol = 'security.protocol=SASL_SSL';
    await expect(configure([...librdkafka, protocol, brokers])).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: `cannot reach the token endpoint ${url}: self-signed certificate in certificate chain; name the CA of its certificate in https.ca.location`,
    });
    const inJaas = `ssl.truststore.location="${certificates.ca}";`;
    await connect(await configure(java.map((line) => line.replace(/;$/, ` ${inJaas}`))));
  });

  test('that nobody listens at is told', async () => {
    const free = createHttpServer();
    const port = await listen(free);
    await new Promise((resolve) => free.close(resolve));
    await expect(configure(librdkafka, `https://127.0.0.1:${port}/token`)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
  });

  test.each([
    [
      ['sasl.mechanism=OAUTHBEARER'],
      /needs sasl\.oauthbearer\.client\.credentials\.client\.id, or clientId="\.\.\."/,
    ],
    [[...java, 'sasl.oauthbearer.client.id=other'], /client\.id and clientId in sasl\.jaas\.config differ/],
    [
      [...librdkafka, 'sasl.oauthbearer.extensions=auth=x'],
      /extension 'auth' of OAUTHBEARER must have a name of/,
    ],
  ])('needs what it is asked with: %#', async (lines, message) => {
    await expect(configure([...lines, ...trusted()])).rejects.toThrow(message);
  });

  test('that fails while records are sent is waited for', async () => {
    // So near its end, a token is asked for anew at each login.
    answer = gives(unsignedToken(31));
    const { kafka: connecting } = await configure([...librdkafka, ...trusted()]);
    const admin = connecting.admin();
    await admin.connect();
    const topic = 'sent-through-an-outage';
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: false });
    await untilServed(() => admin.fetchTopicOffsets(topic));
    let failed = (): void => {};
    const outage = new Promise<void>((resolve) => (failed = resolve));
    const sender = await createSender({
      connect: (createPartitioner) => connecting.producer({ createPartitioner, retry: { retries: 0 } }),
      partitioner: kafkajs.Partitioners.DefaultPartitioner,
      request: { topic, acks: -1 },
      deliveryTimeoutMs: 60_000,
      batchBytes: 100_000,
      outage: { failed: () => failed(), over: () => {} },
    });
    answer = says(503, 'in repair');
    const logins = asked.length;
    let sent = 0;
    const sending = (async () => {
      while (asked.length === logins) {
        await sender.send({ key: 'a', value: Buffer.from('b') });
        sent++;
      }
    })();
    await outage;
    answer = gives(unsignedToken(3600));
    await sending;
    const [partition] = await admin.fetchTopicOffsets(topic);
    expect(Number(partition!.high)).toBeGreaterThanOrEqual(sent);
    await Promise.all([sender.close(), admin.disconnect()]);
  });
});

describe('AWS_MSK_IAM', () => {
  const host = 'b-1.images.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9098';
  const handler = 'sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler';
  /** As the documentation of AWS has it, for Java. */
  const documented = (options = '', protocol = 'SASL_SSL'): string[] => [
    `security.protocol=${protocol}`,
    'sasl.mechanism=AWS_MSK_IAM',
    `sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required${options};`,
    handler,
  ];
  beforeEach(() => {
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_CONFIG_FILE', join(folder(), 'none'));
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder(), 'none'));
    vi.stubEnv('AWS_REGION', 'us-east-2');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY');
    vi.stubEnv('AWS_SESSION_TOKEN', undefined);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  /** The URL in the token with which a client of these lines would log in. */
  async function signedUrl(servers: string, lines: readonly string[]): Promise<URL> {
    const file = join(folder(), 'msk.properties');
    await writeFile(file, [`bootstrap.servers=${servers}`, ...lines].join('\n'));
    const { sasl } = await clientConfig(await loadProperties({ file }), { debug: () => {} });
    const { authenticationProvider } = sasl as unknown as { authenticationProvider: Login };
    let said = '';
    await authenticationProvider({
      saslAuthenticate: async ({ request }) => {
        said = String(request.encode().subarray(4));
      },
    }).authenticate();
    const [, token = ''] = said.split('\u0001').map((part) => part.replace('auth=Bearer ', ''));
    return new URL(Buffer.from(token, 'base64url').toString());
  }
  type Login = (round: {
    saslAuthenticate: (round: { request: { encode: () => Buffer } }) => Promise<void>;
  }) => { authenticate: () => Promise<void> };

  test('gives a broker a URL that is signed with the credentials of the environment', async () => {
    const lines = documented('', 'SASL_PLAINTEXT');
    const refused = await failure(await client(folder(), broker.address, ...lines));
    expect(refused).toEqual({
      code: 'AUTHENTICATION_FAILED',
      message:
        'authentication failed: the broker refused the token (invalid_token); check that its IAM policy allows ' +
        'kafka-cluster:Connect, the region is us-east-2, and the clock of this machine is right',
    });
    const url = new URL(Buffer.from(broker.login().token, 'base64url').toString());
    expect(url.host).toBe('kafka.us-east-2.amazonaws.com');
    const {
      'X-Amz-Date': date,
      'X-Amz-Signature': signature,
      ...query
    } = Object.fromEntries(url.searchParams);
    expect(query).toMatchObject({
      Action: 'kafka-cluster:Connect',
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Credential': `AKIDEXAMPLE/${date!.slice(0, 8)}/us-east-2/kafka-cluster/aws4_request`,
      'X-Amz-Expires': '900',
      'X-Amz-SignedHeaders': 'host',
    });
    expect(signature).toBe(signatureOf(url, process.env['AWS_SECRET_ACCESS_KEY']!));
  });

  test("takes the region from the broker's name", async () => {
    const url = await signedUrl(host, documented());
    expect(url.host).toBe('kafka.eu-west-1.amazonaws.com');
    vi.stubEnv('AWS_REGION', undefined);
    await expect(signedUrl('kafka.internal:9098', documented())).rejects.toMatchObject({
      code: 'INVALID_PROPERTY',
      message: 'bootstrap.servers kafka.internal:9098 names no AWS region; set AWS_REGION',
    });
  });

  test('also as OAUTHBEARER with the class for it', async () => {
    const name = 'software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler';
    const url = await signedUrl(host, [
      'security.protocol=SASL_SSL',
      'sasl.mechanism=OAUTHBEARER',
      `sasl.jaas.config=${oauth}OAuthBearerLoginModule required;`,
      `sasl.login.callback.handler.class=${name}`,
      `sasl.client.callback.handler.class=${name}`,
    ]);
    expect(url.searchParams.get('Action')).toBe('kafka-cluster:Connect');
  });

  test('with a profile', async () => {
    const file = join(folder(), 'credentials');
    await writeFile(file, '[cameras]\naws_access_key_id=AKIDCAMERAS\naws_secret_access_key=x\n');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file);
    const url = await signedUrl(host, documented(' awsProfileName="cameras" awsDebugCreds=true'));
    expect(url.searchParams.get('X-Amz-Credential')).toMatch(/^AKIDCAMERAS\//);
  });

  test('with a role, which AWS STS lends', async () => {
    const forms: URLSearchParams[] = [];
    const sts = createHttpServer((request, response) => {
      void text(request).then((body) => {
        forms.push(new URLSearchParams(body));
        response.setHeader('content-type', 'text/xml');
        response.end(assumedRole);
      });
    });
    vi.stubEnv('AWS_ENDPOINT_URL_STS', `http://127.0.0.1:${await listen(sts)}`);
    const role = 'arn:aws:iam::123456789012:role/cameras';
    const options = ` awsRoleArn="${role}" awsRoleSessionName="producer" awsStsRegion="eu-west-1"`;
    const url = await signedUrl(host, documented(options));
    sts.close();
    expect(Object.fromEntries(forms[0]!)).toMatchObject({
      Action: 'AssumeRole',
      RoleArn: role,
      RoleSessionName: 'producer',
    });
    // Once for all logins.
    expect(forms).toHaveLength(1);
    expect(url.searchParams.get('X-Amz-Credential')).toMatch(/^ASIAROLE\//);
    expect(url.searchParams.get('X-Amz-Security-Token')).toBe('lent');
    expect(url.searchParams.get('X-Amz-Expires')).toBe('900');
  });

  test('without credentials', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    await expect(signedUrl(host, documented())).rejects.toMatchObject({
      code: 'AUTHENTICATION_FAILED',
      message: expect.stringMatching(/^no AWS credentials to log in with: .*; set AWS_PROFILE, or/) as string,
    });
  });

  test.each([
    [
      documented(' awsShouldUseFips="true"'),
      'awsShouldUseFips in sasl.jaas.config is not supported; awsProfileName, ',
    ],
    [
      documented(' awsRoleArn="a" awsProfileName="b"'),
      'awsProfileName and awsRoleArn in sasl.jaas.config exclude',
    ],
    [
      ['security.protocol=SASL_SSL', 'sasl.mechanism=PLAIN', 'sasl.username=a', 'sasl.password=b', handler],
      'sasl.client.callback.handler.class of AWS needs sasl.mechanism=AWS_MSK_IAM, not PLAIN',
    ],
  ])('cannot do: %#', async (lines, message) => {
    await expect(signedUrl(host, lines)).rejects.toThrow(message);
  });
});

const assumedRole = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
  <AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>lent</SessionToken>
  <Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>`;

/** Signature Version 4 of a URL, as AWS computes it from the secret that it knows. */
function signatureOf(url: URL, secret: string): string {
  const query = new URLSearchParams(url.search);
  const [day, ...scope] = query.get('X-Amz-Credential')!.split('/').slice(1);
  // Added after the signature was made.
  query.delete('X-Amz-Signature');
  query.delete('User-Agent');
  query.sort();
  const canonical = [
    'GET',
    '/',
    query.toString().replaceAll('+', '%20'),
    `host:${url.host}`,
    '',
    'host',
    sha256(''),
  ];
  const toSign = [
    'AWS4-HMAC-SHA256',
    query.get('X-Amz-Date'),
    [day, ...scope].join('/'),
    sha256(canonical.join('\n')),
  ];
  const hmac = (key: string | Buffer, data: string): Buffer =>
    createHmac('sha256', key).update(data).digest();
  const key = scope.reduce(hmac, hmac(`AWS4${secret}`, day!));
  return hmac(key, toSign.join('\n')).toString('hex');
}

function sha256(data: string): string {
  return createHash('sha256').update(data).digest('hex');
}
