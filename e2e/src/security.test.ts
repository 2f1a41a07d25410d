import { writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCertificates, startKafka } from '@image-stream/local-kafka';
import type { Diagnosis } from '@image-stream/doctor';
import type { Certificates, KafkaCluster } from '@image-stream/local-kafka';
import kafkajs from 'kafkajs';
import type { Admin } from 'kafkajs';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopics } from './kafka.test-support.ts';
import { start, summaryOf } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';

const topic = 'data-stream';
const deadLetterTopic = `${topic}.dead-letter`;
const patience = { timeout: 30_000, interval: 50 };
const secret = 'hunter2 "and" more';
const users = {
  admin: 'a',
  'image-producer': secret,
  'image-consumer': secret,
  watcher: secret,
  reader: secret,
  stranger: secret,
};

let folder: string;
let certificates: Certificates;
let kafka: KafkaCluster;
let admin: Admin;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'image-stream-e2e-security-'));
  certificates = await createCertificates(join(folder, 'certificates'));
  const config = {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:admin',
  };
  kafka = await startKafka({ securityProtocol: 'SASL_SSL', certificates, users, config });
  admin = (await clientOf('admin')).admin();
  await admin.connect();
  const configEntries = [{ name: 'max.message.bytes', value: String(1_048_588 + 128 * 1024) }];
  await createTopics(admin, { topic }, { topic: deadLetterTopic, configEntries });
  const acl = [...(await documentedAcls()), ...aclsOfWatcher(), ...aclsOfReader()];
  await admin.createAcls({ acl });
  await vi.waitFor(async () => expect(await aclCount()).toBe(acl.length));
});
afterAll(async () => {
  await admin.disconnect();
  await kafka.stop();
  await rm(folder, { recursive: true });
});

const produce = (user: string, ...args: string[]) =>
  program('producer', user, ['-n', '2', '--width', '16', '--height', '16', '--acks', 'all', ...args]);
const consume = (user: string, ...args: string[]) =>
  program('consumer', user, ['-o', temporaryFolder(), '--exit-at-end', ...args]);

describe('the ACLs of SECURITY.md', () => {
  test('suffice for the producer, the consumer, a selection, dead letters and verify', async () => {
    expect(await produce('image-producer')).toMatchObject({ exitCode: 0 });
    // More than a record may hold, so that the producer has to know the limit.
    expect(await produce('image-producer', '-n', '1', '--width', '800', '--height', '800')).toMatchObject({
      exitCode: 0,
    });

    const output = temporaryFolder();
    expect(await consume('image-consumer', '-o', output)).toMatchObject({ exitCode: 0 });
    expect(filesIn(output)).toHaveLength(3);

    const { exitCode, stdout, stderr } = await consume('image-consumer', '--since', '1h', '--json');
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(summaryOf(stdout)).toMatchObject({ images: 3, failed: 0 });

    await send(kafkajs.CompressionTypes.None, 'not an image');
    // Fits compressed only, which the consumer has to know.
    await send(kafkajs.CompressionTypes.GZIP, Buffer.alloc(5_000_000));
    const rest = await consume('image-consumer', '-o', output, '--json');
    expect({ ...rest, ...summaryOf(rest.stdout) }).toMatchObject({ exitCode: 0, images: 0, deadLettered: 2 });
    expect(await recordsIn(deadLetterTopic)).toBe(2);

    const verify = await program('consumer', 'image-consumer', ['verify', '-o', output, '--json']);
    expect(verify).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(verify.stdout)).toMatchObject({ onDisk: 3, deadLettered: 2, differences: 0 });
    const { groups } = await admin.listGroups();
    expect(groups.map(({ groupId }) => groupId)).toEqual(['image-consumer']);
  });
});

test('a dead-letter topic whose ACL is taken away pauses the consumer until it has the ACL again', async () => {
  const consumer = begin('consumer', 'image-consumer', ['-o', temporaryFolder(), '--metrics-port', '0']);
  onTestFinished(() => void consumer.process.kill('SIGKILL'));
  const { log } = consumer;
  const [, url] = await vi.waitUntil(() => /metrics on (http:\S+)/.exec(log()), patience);
  const ask = async (path: string): Promise<string> => (await fetch(`${url}${path}`)).text();
  const acl = (await documentedAcls()).filter(({ resourceName }) => resourceName === deadLetterTopic);
  const image = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();
  const [before, letters] = [await committedOffset(), await recordsIn(deadLetterTopic)];

  // At first nothing has been sent to the topic yet; the second time, something is connected to it.
  for (const round of [1, 2]) {
    await admin.deleteAcls({ filters: acl });
    await send(kafkajs.CompressionTypes.None, 'not an image', image);
    await expect.poll(() => log().split('paused: ').length - 1, patience).toBe(round);
    const reason = new RegExp(
      `stalled since .*${deadLetterTopic} cannot be written: .*needs an ACL for the topic`,
    );
    expect(await ask('/readyz')).toMatch(reason);
    const saved = `image_stream_images_saved_total ${round}\n`;
    await expect.poll(() => ask('/metrics'), patience).toContain(saved);
    expect(await ask('/metrics')).toContain('image_stream_stalled 1\n');
    // Not the image either, which comes after the bad record.
    expect(await committedOffset()).toBe(before + 2 * (round - 1));
    expect(await recordsIn(deadLetterTopic)).toBe(letters + round - 1);

    await admin.createAcls({ acl });
    await expect.poll(committedOffset, patience).toBe(before + 2 * round);
    expect(await ask('/readyz')).toBe('{"status":"ready"}\n');
    expect(await ask('/metrics')).toContain('image_stream_stalled 0\n');
    expect(await recordsIn(deadLetterTopic)).toBe(letters + round);
  }
  consumer.process.kill('SIGTERM');
  expect(await consumer.ended).toMatchObject({ exitCode: 0 });
});

test('a consumer that may not read any more ends, says why, and leaves its group', async () => {
  const consumer = begin('consumer', 'image-consumer', ['-o', temporaryFolder()]);
  onTestFinished(() => void consumer.process.kill('SIGKILL'));
  const members = async (): Promise<number> => {
    const { groups } = await admin.describeGroups(['image-consumer']);
    return groups[0]!.members.length;
  };
  await expect.poll(members, patience).toBe(1);
  const acl = (await documentedAcls()).filter(
    ({ resourceName, operation }) => resourceName === topic && operation === kafkajs.AclOperationTypes.READ,
  );
  expect(acl).not.toEqual([]);
  await admin.deleteAcls({ filters: acl });
  onTestFinished(() => admin.createAcls({ acl }).then(() => {}));
  const { exitCode, stderr } = await consumer.ended;
  expect(exitCode).toBe(1);
  expect(stderr).toContain('this user needs an ACL for the topic');
  expect(await members()).toBe(0);
});

test('who may not write the dead-letter topic is told so at the start, with the ACL', async () => {
  const acl = (await documentedAcls()).filter(({ resourceName }) => resourceName === deadLetterTopic);
  await admin.deleteAcls({ filters: acl });
  onTestFinished(() => admin.createAcls({ acl }).then(() => {}));
  const args = ['-o', temporaryFolder(), '--exit-at-end'];
  const { exitCode, stderr } = await program('consumer', 'image-consumer', args);
  expect(exitCode).toBe(0);
  expect(stderr).toContain(`permission: may not create topic ${deadLetterTopic}; give this user an ACL`);
  expect(stderr).toContain(`--operation Write --topic ${deadLetterTopic}`);
});

test('a selection needs no group, and leaves none', async () => {
  const { exitCode, stdout, stderr } = await consume(
    'reader',
    '--since',
    '1h',
    '--num-messages',
    '1',
    '--json',
  );
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  expect(summaryOf(stdout)).toMatchObject({ images: 1, failed: 0 });
  expect(stderr).not.toContain('WARN');
});

test('a gallery says once why it shows no dead letters, and when it does', async () => {
  const see = allow('User:reader', 'Describe', deadLetterTopic);
  const read = allow('User:reader', 'Read', deadLetterTopic);
  onTestFinished(() => admin.deleteAcls({ filters: [see, read] }).then(() => {}));
  await admin.createAcls({ acl: [see] });
  const gallery = begin('gallery', 'reader', ['--port', '0']);
  onTestFinished(() => void gallery.process.kill('SIGKILL'));
  const { log } = gallery;
  const problem = `nothing new of ${deadLetterTopic} can be read, and is tried again: `;
  const [, url] = await vi.waitUntil(() => /(http:\S+)/.exec(log()), patience);
  // It reads while somebody looks.
  await expect.poll(() => eventsOf(url!), patience).toContain(problem);
  expect(log()).toContain(problem);

  await admin.createAcls({ acl: [read] });
  const looked = async (): Promise<string> => {
    await eventsOf(url!);
    return log();
  };
  await expect.poll(looked, patience).toContain(`records of ${deadLetterTopic} come again`);
  const told = log()
    .split('\n')
    .filter((line) => line.includes(problem) && !line.includes(' (for '));
  expect(told).toHaveLength(1);
  expect(log()).not.toContain(`nothing new of ${topic} can`);
  gallery.process.kill('SIGTERM');
  expect(await gallery.ended).toMatchObject({ exitCode: 0 });
});

describe('one line says which ACL a user lacks, who', () => {
  const advice = (resource: string): string =>
    `this user needs an ACL for the ${resource} on the broker (kafka-acls.sh --add --${resource})\n`;

  test.each([
    ['may nothing, and sends', () => produce('stranger'), 'topic'],
    ['may nothing, and reads', () => consume('stranger'), 'topic'],
    ['sees the topic only, and sends', () => produce('watcher', '-n', '1', '--quiet'), 'topic'],
    ['has a group only, and reads', () => consume('watcher', '-gid', 'watcher'), 'topic'],
    ['reads the topic as another group', () => consume('image-consumer', '-gid', 'other'), 'group'],
  ])('%s', async (_case, run, resource) => {
    const { exitCode, stderr } = await run();
    expect({ exitCode, lines: stderr.replaceAll(/^.* INFO: .*\n/gm, '').split('\n').length - 1 }).toEqual({
      exitCode: 1,
      lines: 1,
    });
    expect(stderr.endsWith(advice(resource)), stderr).toBe(true);
  });
});

describe('the doctor says what a user may not do, of who', () => {
  const permissions = async (name: 'producer' | 'consumer', user: string, ...args: string[]) => {
    const { exitCode, stdout, stderr } = await program(name, user, ['doctor', ...args, '--json', '--quiet']);
    expect(stderr).toBe('');
    const { findings } = JSON.parse(stdout) as Diagnosis;
    const found = findings.filter(({ check }) => check === 'permission');
    return { exitCode, found: found.map(({ status, seen }) => `${status}: ${seen}`) };
  };
  const output = (): string[] => ['-o', temporaryFolder()];

  test.each([
    [
      'has the ACLs of SECURITY.md, and sends',
      () => permissions('producer', 'image-producer'),
      0,
      [`ok: may write to topic ${topic}`],
    ],
    [
      'has the ACLs of SECURITY.md, and reads',
      () => permissions('consumer', 'image-consumer', ...output()),
      0,
      [
        `ok: may read topic ${topic}`,
        'ok: may read as group image-consumer',
        `ok: may write to topic ${topic}.dead-letter`,
      ],
    ],
    [
      'sees the topic only, and sends',
      () => permissions('producer', 'watcher'),
      1,
      [`problem: may not write to topic ${topic}`],
    ],
    [
      'sees the topic only, and reads as a group of others',
      () => permissions('consumer', 'watcher', ...output(), '--on-error', 'stop'),
      1,
      [`problem: may not read topic ${topic}`, 'problem: may not read as group image-consumer'],
    ],
    ['may nothing', () => permissions('producer', 'stranger'), 1, [`problem: may not create topic ${topic}`]],
  ])('%s', async (_case, run, exitCode, found) => {
    expect(await run()).toEqual({ exitCode, found });
  });
});

describe.each(['producer', 'consumer'] as const)('the secrets of the %s', (name) => {
  const run = (user: string, password: string, ...args: string[]) => {
    const task = name === 'producer' ? ['-n', '1'] : ['-o', temporaryFolder(), '--exit-at-end'];
    return program(name, user, [...task, ...args], password);
  };

  test.each([
    ['right', secret, 0, / (INFO|DEBUG): /],
    // What the client itself logs is there, too.
    ['wrong', 'wrong "and" more', 1, / DEBUG: SASL SCRAM SHA512 authentication failed.*"logger":"kafkajs"/],
  ])('are in no output at trace level, with a %s password', async (_case, password, code, log) => {
    const { exitCode, stdout, stderr } = await run(`image-${name}`, password, '--log-level', 'trace');
    expect({ exitCode, stderr }).toMatchObject({ exitCode: code });
    expect(stderr).toMatch(log);
    for (const shown of [password, escaped(password), certificates.password]) {
      expect(stdout + stderr).not.toContain(shown);
    }
  });

  test('are refused on the command line, which everybody on the machine sees', async () => {
    const { exitCode, stderr } = await run(`image-${name}`, secret, '-X', 'ssl.key.password=hunter2');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr:
        `${name}: -X must not hold 'ssl.key.password', which others would see in the list of processes; ` +
        `set it in the file of --command-config, or in IMAGE_STREAM_X (see ${name} --help)\n`,
    });
  });

  test('do not help where the broker does not have the mechanism', async () => {
    const token = join(folder, 'token');
    writeFileSync(token, 'a.b.c');
    const mechanism = ['-X', 'sasl.mechanism=OAUTHBEARER'];
    const url = ['-X', `sasl.oauthbearer.token.endpoint.url=file://${token}`];
    expect(await run(`image-${name}`, secret, ...mechanism, ...url)).toMatchObject({
      exitCode: 1,
      stderr: `${name}: authentication failed: the broker does not have this SASL mechanism; check sasl.mechanism\n`,
    });
  });
});

function program(...args: Parameters<typeof begin>): Running['ended'] {
  return begin(...args).ended;
}

function begin(
  name: 'producer' | 'consumer' | 'gallery',
  user: string,
  args: readonly string[],
  password = secret,
): Running {
  const environment = { KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers, PASSWORD: escaped(password) };
  return start(name, [...args, '-F', propertiesOf(user)], environment);
}

/** A properties file as SECURITY.md shows it. */
function propertiesOf(user: string): string {
  const file = join(folder, `${user}.properties`);
  writeFileSync(
    file,
    `
security.protocol=SASL_SSL
ssl.truststore.location=${certificates.ca}
ssl.keystore.type=PKCS12
ssl.keystore.location=${certificates.clientKeystore}
ssl.keystore.password=${certificates.password}
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\
  username="${user}" password="\${env:PASSWORD}";
config.providers=env
config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
`,
  );
  return file;
}

/** As it stands between the quotes of JAAS. */
function escaped(password: string): string {
  return password.replaceAll('"', String.raw`\"`);
}

/** What a page of a gallery is told at first. */
async function eventsOf(url: string): Promise<string> {
  const { body } = await fetch(new URL('events', url));
  let told = '';
  for await (const part of body!) {
    told += Buffer.from(part as Uint8Array).toString();
    if (told.includes('{"stats":')) {
      break;
    }
  }
  return told;
}

/** A client that is none of ours. */
async function clientOf(username: keyof typeof users): Promise<kafkajs.Kafka> {
  return new kafkajs.Kafka({
    brokers: kafka.bootstrapServers.split(','),
    ssl: { ca: await readFile(certificates.ca) },
    sasl: { mechanism: 'scram-sha-512', username, password: users[username] },
    logLevel: kafkajs.logLevel.NOTHING,
  });
}

/** Sends records as the producer's user. */
async function send(compression: kafkajs.CompressionTypes, ...values: (string | Buffer)[]): Promise<void> {
  const producer = (await clientOf('image-producer')).producer();
  await producer.connect();
  await producer.send({ topic, compression, messages: values.map((value) => ({ value })) });
  await producer.disconnect();
}

async function recordsIn(name: string): Promise<number> {
  const [offsets] = await admin.fetchTopicOffsets(name);
  return Number(offsets!.high);
}

async function committedOffset(): Promise<number> {
  const [offsets] = await admin.fetchOffsets({ groupId: 'image-consumer', topics: [topic] });
  return Number(offsets!.partitions[0]!.offset);
}

/** The commands of SECURITY.md, as kafka-acls.sh understands them. */
async function documentedAcls() {
  const text = await readFile(new URL('../../SECURITY.md', import.meta.url), 'utf8');
  const commands = text.replaceAll('\\\n', '').matchAll(/^kafka-acls\.sh .*$/gm);
  return [...commands].flatMap(([command]) => {
    const argument = (name: string) => new RegExp(`--${name} (\\S+)`).exec(command)?.[1];
    const isPrefix = argument('resource-pattern-type') === 'prefixed';
    return [...command.matchAll(/--operation (\S+)/g)].map(([, operation]) => ({
      ...allow(argument('allow-principal')!, operation!, argument('topic'), argument('group')),
      ...(isPrefix && { resourcePatternType: kafkajs.ResourcePatternTypes.PREFIXED }),
    }));
  });
}

/** Who sees the topic, but may not read it, and has a group. */
function aclsOfWatcher() {
  return [allow('User:watcher', 'Describe', topic), allow('User:watcher', 'Read', undefined, 'watcher')];
}

/** Who may read in groups of selections, but not remove them. */
function aclsOfReader() {
  const group = allow('User:reader', 'Read', undefined, 'image-stream-');
  const resourcePatternType = kafkajs.ResourcePatternTypes.PREFIXED;
  return [allow('User:reader', 'Read', topic), { ...group, resourcePatternType }];
}

function allow(principal: string, operation: string, topicName?: string, group?: string) {
  return {
    resourceType: kafkajs.AclResourceTypes[group === undefined ? 'TOPIC' : 'GROUP'],
    resourceName: (group ?? topicName)!,
    resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
    principal,
    host: '*',
    operation: kafkajs.AclOperationTypes[operationOf(operation)],
    permissionType: kafkajs.AclPermissionTypes.ALLOW,
  };
}

function operationOf(name: string): keyof typeof kafkajs.AclOperationTypes {
  return name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase() as keyof typeof kafkajs.AclOperationTypes;
}

async function aclCount(): Promise<number> {
  const any = { resourceType: 1, resourcePatternType: 1, operation: 1, permissionType: 1 };
  const { resources } = await admin.describeAcls(any);
  return resources.reduce((count, { acls }) => count + acls.length, 0);
}
