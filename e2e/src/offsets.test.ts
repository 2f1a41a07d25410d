import type { Message } from 'kafkajs';
import sharp from 'sharp';
import { expect, onTestFinished, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import {
  beginTransaction,
  commitOffset,
  committed,
  createTopic,
  ends,
  recreateTopic,
  removeBefore,
  send,
  sendTogether,
  uniqueName,
} from './kafka.test-support.ts';
import { start, succeed, summaryOf } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';

/*
 * Offsets that go back, jump, or lie beyond the end; transactions; and batches that other clients or the log cleaner make.
 */
const png = await sharp({ create: { width: 2, height: 2, channels: 3, background: 'red' } })
  .png()
  .toBuffer();

const patient = { timeout: 30_000 };

/** Images as other programs send them; their ids end in partition and offset. */
function images(count: number, name = 'image'): Message[] {
  return Array.from({ length: count }, () => ({ key: name, value: png }));
}

/** The keys and offsets of the images that are saved, such as `image-0-4`. */
function savedIn(output: string): string[] {
  return filesIn(output)
    .filter((file) => file.endsWith('.png'))
    .map((file) => /([^/]+)\.png$/.exec(file)![1]!)
    .toSorted((one, other) => Number(one.split('-').at(-1)) - Number(other.split('-').at(-1)));
}

function names(from: number, to: number, name = 'image'): string[] {
  return Array.from({ length: to - from }, (_one, index) => `${name}-0-${from + index}`);
}

/** A transaction has ended only when its mark is in the topic, which comes after the answer. */
async function endsAt(topic: string, offset: number): Promise<void> {
  await expect.poll(() => ends(topic), patient).toBe(offset);
}

/** A consumer that runs until the test ends. */
function follow(...args: string[]): Running {
  const consumer = start('consumer', args);
  onTestFinished(() => void consumer.process.kill('SIGKILL'));
  return consumer;
}

test.each([
  ['more records than before', 12],
  ['as many as before', 10],
  ['fewer than before', 4],
])('a topic that is deleted and made again, with %s, is read from its beginning', async (_name, count) => {
  const topic = await createTopic();
  const output = temporaryFolder();
  const consumer = follow('-t', topic, '-gid', topic, '-o', output);
  await send(topic, ...images(10, 'old'));
  await expect.poll(() => committed(topic, topic), patient).toEqual([10]);

  await recreateTopic(topic);
  await send(topic, ...images(count, 'new'));
  await expect.poll(() => committed(topic, topic), patient).toEqual([count]);
  consumer.process.kill('SIGTERM');
  const { exitCode, stderr } = await consumer.ended;
  expect(savedIn(output).filter((name) => name.startsWith('new'))).toEqual(names(0, count, 'new'));
  expect(stderr).toContain(`topic ${topic} was deleted and recreated`);
  expect(exitCode).toBe(0);
});

test('so is one that was made again while no consumer ran, whatever is committed', async () => {
  const topic = await createTopic();
  const output = temporaryFolder();
  const args = ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end'];
  await send(topic, ...images(3, 'old'));
  await succeed('consumer', args);
  const before = await start('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']).ended;
  expect(before.exitCode).toBe(0);

  await recreateTopic(topic);
  await send(topic, ...images(5, 'new'));
  await succeed('consumer', args);
  expect(savedIn(output).filter((name) => name.startsWith('new'))).toEqual(names(0, 5, 'new'));
});

test('what was removed is passed over to the first record that exists, also with auto.offset.reset=latest', async () => {
  const topic = await createTopic();
  const output = temporaryFolder();
  await send(topic, ...images(10));
  await commitOffset(topic, topic, 2);
  await removeBefore(topic, 5);
  const args = ['-t', topic, '-gid', topic, '-o', output, '-aor', 'latest', '--exit-at-end', '--json'];
  const { exitCode, stdout, stderr } = await start('consumer', args).ended;
  expect(savedIn(output)).toEqual(names(5, 10));
  expect(summaryOf(stdout)).toMatchObject({ images: 5, removed: 3 });
  expect(stderr).toContain(`3 records of ${topic}[0], from offset 2 to 4, were removed before being read`);
  expect(exitCode).toBe(1);
  expect(await committed(topic, topic)).toEqual([10]);
});

test('a group that has committed nothing begins at the end where it is told so, and misses nothing from then on', async () => {
  const topic = await createTopic();
  const output = temporaryFolder();
  await send(topic, ...images(2));
  const args = ['-t', topic, '-gid', topic, '-o', output, '-aor', 'latest', '--exit-at-end'];
  expect(await succeed('consumer', args)).toMatchObject({ images: 0 });
  // Whoever comes next goes on from there.
  await send(topic, ...images(3));
  expect(await succeed('consumer', args)).toMatchObject({ images: 3 });
  expect(savedIn(output)).toEqual(names(2, 5));
});

test('an offset beyond the end is said, and the partition is read again', async () => {
  const topic = await createTopic();
  const output = temporaryFolder();
  await send(topic, ...images(4));
  await commitOffset(topic, topic, 994);
  const doctor = await start('consumer', ['doctor', '-t', topic, '-gid', topic, '-o', output]).ended;
  expect(doctor.stdout).toContain('is 4 records behind');
  expect(doctor.stdout).toContain(`offset 994 is committed for ${topic}[0], which ends at 4`);

  const { exitCode, stderr } = await start('consumer', [
    ...['-t', topic, '-gid', topic, '-o', output],
    '--exit-at-end',
  ]).ended;
  expect(stderr).toContain(`${topic}[0] has lost its last records`);
  expect(savedIn(output)).toEqual(names(0, 4));
  expect(await committed(topic, topic)).toEqual([4]);
  expect(exitCode).toBe(0);
});

test('what an aborted transaction has written is no image, and a key of four zero bytes no mark', async () => {
  const topic = await createTopic();
  const output = temporaryFolder();
  const zeros = { key: Buffer.alloc(4), value: png };
  await send(topic, ...images(1));
  await (await beginTransaction(topic, zeros, ...images(2, 'aborted'))).abort();
  await endsAt(topic, 5);
  await (await beginTransaction(topic, ...images(1, 'kept'))).commit();
  await endsAt(topic, 7);
  // Two that are aborted at the same time.
  const one = await beginTransaction(topic, ...images(1, 'aborted'));
  const other = await beginTransaction(topic, zeros, ...images(1, 'aborted'));
  await send(topic, ...images(1));
  await other.abort();
  await one.abort();
  await endsAt(topic, 13);

  const args = ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end'];
  expect(await succeed('consumer', args)).toMatchObject({ images: 3, deadLettered: 0 });
  expect(savedIn(output)).toEqual(['image-0-0', 'kept-0-5', 'image-0-10']);
  expect((await start('consumer', ['verify', '-t', topic, '-o', output]).ended).exitCode).toBe(0);
  const peeked = await start('consumer', ['peek', '-t', topic, '--json']).ended;
  expect(peeked.stdout).not.toContain('aborted');

  const all = temporaryFolder();
  const uncommitted = ['-X', 'isolation.level=read_uncommitted'];
  await succeed('consumer', [
    '-t',
    topic,
    '-gid',
    `${topic}-all`,
    '-o',
    all,
    '--exit-at-end',
    ...uncommitted,
  ]);
  expect(savedIn(all).filter((name) => name.startsWith('aborted'))).toHaveLength(4);
  const verified = await start('consumer', ['verify', '-t', topic, '-o', all, ...uncommitted]).ended;
  expect(verified.stdout).toContain('agree');
});

test('a transaction that is open is where the topic ends, unless what it has written is read, too', async () => {
  const topic = await createTopic();
  const [output, all] = [temporaryFolder(), temporaryFolder()];
  await send(topic, ...images(2));
  const transaction = await beginTransaction(topic, ...images(1, 'open'));
  await send(topic, ...images(2));

  const args = ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end'];
  expect(await succeed('consumer', args)).toMatchObject({ images: 2 });
  const doctor = await start('consumer', ['doctor', '-t', topic, '-gid', topic, '-o', output]).ended;
  expect(doctor.stdout).toContain('is 0 records behind');
  expect((await start('consumer', ['verify', '-t', topic, '-o', output]).ended).stdout).toContain('agree');

  const uncommitted = ['-X', 'isolation.level=read_uncommitted'];
  const others = ['-t', topic, '-gid', `${topic}-all`, '-o', all, '--exit-at-end', ...uncommitted];
  expect(await succeed('consumer', others)).toMatchObject({ images: 5 });
  const verified = await start('consumer', ['verify', '-t', topic, '-o', all, ...uncommitted]).ended;
  expect(verified.stdout).toContain('agree');

  await transaction.commit();
  await endsAt(topic, 6);
  expect(await succeed('consumer', args)).toMatchObject({ images: 3 });
});

test('consumers of two topics in one group each get the partitions of their own, and are warned', async () => {
  const [one, other, group] = [await createTopic(3), await createTopic(2), uniqueName()];
  const [first, second] = [temporaryFolder(), temporaryFolder()];
  const running = [
    follow('-t', one, '-gid', group, '-o', first),
    follow('-t', other, '-gid', group, '-o', second),
  ];
  await sendTogether(
    one,
    [0, 1, 2].flatMap((partition) => images(4).map((image) => ({ ...image, partition }))),
  );
  await sendTogether(
    other,
    [0, 1].flatMap((partition) => images(4).map((image) => ({ ...image, partition }))),
  );
  await expect.poll(() => [savedIn(first).length, savedIn(second).length], patient).toEqual([12, 8]);
  await expect.poll(() => running.every(({ log }) => log().includes('also reads')), patient).toBe(true);
  expect(running[0]!.log()).toContain(`group '${group}' also reads ${other}`);
});
