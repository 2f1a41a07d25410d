import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from './files.test-support.ts';
import { createTopic, send, withAdmin } from './kafka.test-support.ts';
import { bootstrapServers, start, succeed } from './programs.test-support.ts';

interface Peeked {
  readonly id?: string;
  readonly customerId?: string;
  readonly partition: number;
  readonly chunks?: number;
  readonly problem?: string;
}

test('the newest images are shown, the newest one last, in chunks or not, and no group sees it', async () => {
  const topic = await createTopic(3, '200000');
  for (const id of ['a', 'b', 'c', 'd']) {
    await send(topic, { key: id, value: await png('teal'), headers: { ...event, ce_id: id } });
  }
  const noise = ['--pattern', 'noise', '--width', '400', '--height', '500'];
  await succeed('producer', ['-t', topic, '-n', '1', '-cid', 'harbour', ...noise]);

  expect(
    (await peek(topic, '-n', '3')).map(({ id, chunks }) => (chunks === undefined ? id : 'in chunks')),
  ).toEqual(['c', 'd', 'in chunks']);
  expect((await peek(topic, '--customer', 'garden')).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd']);
  const all = await peek(topic);
  const { partition } = all[0]!;
  expect(await peek(topic, '--partition', String(partition))).toEqual(
    all.filter((image) => image.partition === partition),
  );
  const { groups } = await withAdmin((admin) => admin.listGroups());
  expect(groups.filter(({ groupId }) => /peek|gallery/.test(groupId))).toEqual([]);
});

test('the environment is stronger than a config file', async () => {
  const topic = await createTopic();
  await send(topic, { key: 'a', value: await png('teal') });
  const file = join(temporaryFolder(), 'options.yaml');
  writeFileSync(file, 'bootstrap-servers: localhost:1\n');
  // Both name brokers; those of the environment answer.
  expect(await peek(topic, '--config', file)).toHaveLength(1);
});

test('people get a table that commands no terminal, and pictures where they ask for them', async () => {
  const topic = await createTopic();
  const id = '\u001b[31mred\u202e';
  await send(topic, { key: 'a', value: await png('white'), headers: { ...event, ce_id: id } });
  const { stdout } = await start('consumer', ['peek', '-t', topic]).ended;
  expect(stdout).toMatch(
    /^PLACE +AGE +CUSTOMER +ID +TYPE +PIXELS +SIZE +FORMAT\n0@0 +\d+ s +garden +\?\[31mred\? +/,
  );
  expect(stdout).toMatch(/ image\/png +60x40 +[\d.]+ B +cloudevents\n$/);
  const { stdout: pictures } = await start('consumer', ['peek', '-t', topic, '--pictures']).ended;
  expect(pictures.split('\u001b[38;2;255;255;255;48;2;255;255;255m▀')).toHaveLength(32 * 16 + 1);
});

test('dead letters are shown with their reasons', async () => {
  const topic = await createTopic();
  await send(topic, { key: 'a', value: 'no image at all' });
  await succeed('consumer', ['-t', topic, '-gid', topic, '-o', temporaryFolder(), '--exit-at-end']);
  const { stdout } = await start('consumer', ['peek', '-t', `${topic}.dead-letter`]).ended;
  expect(stdout).toContain(`put aside from ${topic} 0@0: record of 15 bytes is not a CloudEvent`);
});

test('where there is nothing to see, that is said', async () => {
  const topic = await createTopic();
  expect(await peek(topic)).toEqual([]);
  const { stdout } = await start('consumer', ['peek', '-t', topic, '--customer', 'nobody']).ended;
  expect(stdout).toBe(`there is no image in ${topic} of customer nobody\n`);
});

test('who stops the search is told that it is not complete', async () => {
  const topic = await createTopic();
  await send(topic, { key: 'a', value: await png('teal') });
  // A way to the broker that tells of the first connection.
  const [host, port] = bootstrapServers.split(':');
  const way = createServer((socket) => {
    const broker = connect(Number(port), host);
    socket.pipe(broker).pipe(socket);
    [socket, broker].forEach((one) => one.on('error', () => {}));
  });
  onTestFinished(() => void way.close());
  await once(way.listen(0, '127.0.0.1'), 'listening');
  const servers = ['-bs', `127.0.0.1:${(way.address() as AddressInfo).port}`];
  const connected = once(way, 'connection');
  const args = ['peek', '-t', topic, '--customer', 'nobody', ...servers];
  const { process: child, ended } = start('consumer', args);
  await connected;
  child.kill('SIGINT');
  const { exitCode, stdout, stderr } = await ended;
  expect(stderr.trimEnd().split('\n').at(-1)).toBe(
    `consumer peek: stopped before all of ${topic} was searched; nothing was found so far`,
  );
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
});

const event = { ce_specversion: '1.0', ce_type: 'picture', ce_source: '/test', ce_customerid: 'garden' };

async function png(background: string): Promise<Buffer> {
  return sharp({ create: { width: 60, height: 40, channels: 3, background } })
    .png()
    .toBuffer();
}

/** Runs `consumer peek`. @returns what it prints for programs */
async function peek(topic: string, ...args: string[]): Promise<Peeked[]> {
  const { exitCode, stdout, stderr } = await start('consumer', ['peek', '-t', topic, '--json', ...args])
    .ended;
  expect(exitCode, stderr).toBe(0);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Peeked);
}
