import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test, vi } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { committed, createTopic, ends, send, uniqueName } from './kafka.test-support.ts';
import { start, succeed, summaryOf } from './programs.test-support.ts';

const small = ['--width', '32', '--height', '32'];

test('a consumer continues where it stopped and writes nothing twice', async () => {
  const topic = uniqueName();
  const output = temporaryFolder();
  const consume = ['-t', topic, '-gid', topic, '-o', output];
  await succeed('producer', ['-n', '10', '-t', topic, ...small]);

  const first = await succeed('consumer', [...consume, '-n', '4']);
  const afterFirst = snapshot(output);
  const second = await succeed('consumer', [...consume, '--exit-at-end']);
  const third = await succeed('consumer', [...consume, '--exit-at-end']);

  expect(first).toMatchObject({ images: 4, skipped: 0 });
  expect(second).toMatchObject({ images: 6, skipped: 0 });
  expect(third).toMatchObject({ images: 0, skipped: 0, seconds: 0 });
  expect(filesIn(output)).toHaveLength(10);
  expect(snapshot(output)).toMatchObject(afterFirst);
  expect(await committed(topic, topic)).toEqual([10]);
});

test('reading again from the beginning finds every image on disk', async () => {
  const topic = uniqueName();
  const output = temporaryFolder();
  const consume = ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end'];
  await succeed('producer', ['-n', '5', '-t', topic, '--partitions', '3', ...small]);
  await succeed('consumer', consume);
  const before = snapshot(output);

  const again = await succeed('consumer', [...consume, '--from-beginning']);
  const other = await succeed('consumer', [...consume, '-gid', `${topic}-other`]);

  expect(again).toMatchObject({ images: 0, skipped: 5, failed: 0 });
  expect(other).toMatchObject({ images: 0, skipped: 5, failed: 0 });
  expect(snapshot(output)).toEqual(before);
});

test('--exit-at-end with -aor latest reads what a group has left', async () => {
  const topic = uniqueName();
  const output = temporaryFolder();
  const consume = ['-t', topic, '-gid', topic, '-o', output];
  await succeed('producer', ['-n', '5', '-t', topic, ...small]);
  await succeed('consumer', [...consume, '-n', '2']);

  const rest = await succeed('consumer', [...consume, '-aor', 'latest', '--exit-at-end']);
  const fresh = ['-t', topic, '-gid', `${topic}-new`, '-o', output, '-aor', 'latest', '--exit-at-end'];

  expect(rest).toMatchObject({ images: 3 });
  expect(await succeed('consumer', fresh)).toMatchObject({ images: 0, skipped: 0 });
});

describe('the first signal', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('%s drains and commits: exit code 0', async (signal) => {
    const topic = await createTopic(2);
    const output = temporaryFolder();
    const consume = ['-t', topic, '-gid', topic, '-o', output];
    const producer = start('producer', ['-n', '1000', '--rate', '50', '-t', topic, ...small, '--json']);
    const consumer = start('consumer', [...consume, '--json']);
    await vi.waitUntil(() => filesIn(output).length > 10, { timeout: 30_000 });

    consumer.process.kill(signal);
    const stopped = await consumer.ended;
    producer.process.kill(signal);
    const sent = await producer.ended;

    expect([stopped.exitCode, sent.exitCode]).toEqual([0, 0]);
    const done = summaryOf(stopped.stdout);
    expect(filesIn(output)).toHaveLength(done.images);
    const offsets = await committed(topic, topic);
    expect(offsets.reduce((total, offset) => total + Math.max(0, offset), 0)).toBe(done.images);

    const rest = await succeed('consumer', [...consume, '--exit-at-end']);
    expect(summaryOf(sent.stdout).images).toBe(await ends(topic));
    expect(rest).toMatchObject({ images: (await ends(topic)) - done.images, skipped: 0, failed: 0 });
  });
});

test('kill -9 loses nothing and writes nothing twice', async () => {
  const topic = uniqueName();
  const output = temporaryFolder();
  const consume = ['-t', topic, '-gid', topic, '-o', output];
  await succeed('producer', ['-n', '60', '-t', topic, '--partitions', '2', ...small]);

  for (const count of [5, 20, 35]) {
    const consumer = start('consumer', [
      ...consume,
      '-X',
      'session.timeout.ms=1000',
      '-X',
      'heartbeat.interval.ms=300',
    ]);
    await vi.waitUntil(() => finished(output).length >= count, { timeout: 60_000, interval: 5 });
    consumer.process.kill('SIGKILL');
    await consumer.ended;
  }
  const before = snapshot(output);
  const last = await succeed('consumer', [...consume, '--exit-at-end']);

  expect(last.failed).toBe(0);
  expect(filesIn(output)).toHaveLength(60);
  expect(snapshot(output)).toMatchObject(before);
  for (const file of filesIn(output)) {
    await expect(sharp(join(output, file)).stats()).resolves.toMatchObject({ isOpaque: true });
  }
});

test('two consumers of a group share the work', async () => {
  const topic = await createTopic(4);
  const output = temporaryFolder();
  const consume = ['-t', topic, '-gid', topic, '-o', output];
  const first = start('consumer', [...consume, '--json']);
  const second = start('consumer', [...consume, '--json']);
  await succeed('producer', ['-n', '80', '--rate', '40', '-t', topic, ...small]);
  await vi.waitUntil(async () => (await committed(topic, topic)).reduce((a, b) => a + b, 0) === 80, {
    timeout: 60_000,
    interval: 200,
  });
  first.process.kill('SIGTERM');
  second.process.kill('SIGTERM');
  const summaries = (await Promise.all([first.ended, second.ended])).map(({ stdout }) => summaryOf(stdout));

  expect(filesIn(output)).toHaveLength(80);
  expect(summaries[0]!.images + summaries[1]!.images).toBe(80);
});

describe('with --on-error stop, a bad record', () => {
  test('stops the consumer before its offset, and it can be passed', async () => {
    const topic = await createTopic();
    const output = temporaryFolder();
    const consume = ['-t', topic, '-gid', topic, '-o', output, '--on-error', 'stop'];
    await succeed('producer', ['-n', '3', '-t', topic, ...small]);
    await send(topic, { key: 'bad', value: 'not an image' });

    // Nothing follows the bad record: the consumer has to stop all the same.
    const { exitCode, stdout, stderr } = await start('consumer', [...consume, '--json']).ended;

    expect(exitCode).toBe(1);
    expect(summaryOf(stdout)).toMatchObject({ images: 3, failed: 1 });
    expect(stderr).toContain(`record ${topic}[0]@3 cannot be saved`);
    expect(stderr).toContain(`--topic ${topic}:0 --to-offset 4`);
    expect(await committed(topic, topic)).toEqual([3]);
    expect(filesIn(output)).toHaveLength(3);
  });

  test('keeps the offset back while later images are already saved', async () => {
    const topic = await createTopic();
    const output = temporaryFolder();
    const consume = ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end', '--on-error', 'stop'];
    await send(topic, { key: 'bad', value: 'no image' });
    await succeed('producer', ['-n', '6', '-t', topic, ...small]);

    const { exitCode } = await start('consumer', consume).ended;

    expect(exitCode).toBe(1);
    expect(await committed(topic, topic)).toEqual([-1]);
  });

  test('is a conflict where its id is taken by another image, unless --overwrite is given', async () => {
    const topic = await createTopic();
    const output = temporaryFolder();
    const consume = ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end', '--on-error', 'stop'];
    await succeed('producer', ['-n', '1', '-t', topic, ...small]);
    await succeed('consumer', consume);
    const [file] = filesIn(output);
    const original = readFileSync(join(output, file!));
    const other = await sharp(original).negate().png().toBuffer();
    rmSync(join(output, file!));
    writeFileSync(join(output, file!), other);

    const refused = await start('consumer', [...consume, '--from-beginning']).ended;
    const afterRefusal = readFileSync(join(output, file!));
    const replaced = await succeed('consumer', [...consume, '--from-beginning', '--overwrite']);

    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toMatch(/another image|different/);
    expect(afterRefusal.equals(other)).toBe(true);
    expect(replaced).toMatchObject({ images: 1 });
    expect(readFileSync(join(output, file!)).equals(original)).toBe(true);
  });
});

/** Each finished file's inode and time: a file that was written again has others. */
function snapshot(folder: string): Record<string, string> {
  return Object.fromEntries(
    finished(folder).map((file) => {
      const { ino, mtimeMs } = statSync(join(folder, file));
      return [file, `${ino} ${mtimeMs}`];
    }),
  );
}

/** The files that have their final names. */
function finished(folder: string): string[] {
  return filesIn(folder).filter((file) => !file.startsWith('.tmp'));
}
