import { expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { committed, createTopic, ends, removeBefore } from './kafka.test-support.ts';
import { start, succeed, summaryOf } from './programs.test-support.ts';

const small = ['--width', '16', '--height', '16'];

test('records that were removed before they were read are counted, loudly', async () => {
  const topic = await createTopic();
  const output = temporaryFolder();
  const args = ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end', '--json'];
  await succeed('producer', ['-n', '3', '-t', topic, ...small]);
  expect(await succeed('consumer', args)).toMatchObject({ images: 3, removed: 0 });

  await succeed('producer', ['-n', '7', '-t', topic, ...small]);
  await removeBefore(topic, 8);
  const { exitCode, stdout, stderr } = await start('consumer', args).ended;
  expect(stderr).toContain(`5 records of ${topic}[0], from offset 3 to 7, were removed before being read`);
  expect(summaryOf(stdout)).toMatchObject({ images: 2, removed: 5 });
  expect(exitCode).toBe(1);
  expect(filesIn(output)).toHaveLength(5);

  // Once told is enough; and what a new group has never had is no loss.
  expect(await succeed('consumer', args)).toMatchObject({ images: 0, removed: 0 });
  const others = ['-t', topic, '-gid', `${topic}-new`, '-o', output, '--exit-at-end'];
  expect(await succeed('consumer', others)).toMatchObject({ images: 0, skipped: 2, removed: 0 });
});

test('also where nothing is left to read', async () => {
  const topic = await createTopic();
  const args = ['-t', topic, '-gid', topic, '-o', temporaryFolder(), '--exit-at-end', '--json'];
  await succeed('producer', ['-n', '1', '-t', topic, ...small]);
  await succeed('consumer', args);
  await succeed('producer', ['-n', '2', '-t', topic, ...small]);
  await removeBefore(topic, 3);
  const { exitCode, stdout, stderr } = await start('consumer', args).ended;
  expect(stderr).toContain(`2 records of ${topic}[0], from offset 1 to 2, were removed`);
  expect(summaryOf(stdout)).toMatchObject({ images: 0, removed: 2 });
  expect(exitCode).toBe(1);
  expect(await committed(topic, topic)).toEqual([3]);
  expect(await succeed('consumer', args)).toMatchObject({ images: 0, removed: 0 });
});

test('also while the consumer runs', async () => {
  const topic = await createTopic();
  const output = temporaryFolder();
  const consumer = start('consumer', ['-t', topic, '-gid', topic, '-o', output, '--json']);
  await succeed('producer', ['-n', '2', '-t', topic, ...small]);
  await expect
    .poll(() => filesIn(output).filter((name) => name.endsWith('.png')).length, { timeout: 30_000 })
    .toBe(2);
  // It stands still, as on a machine that is busy with something else, while records come and go.
  consumer.process.kill('SIGSTOP');
  await succeed('producer', ['-n', '6', '-t', topic, ...small]);
  await removeBefore(topic, 6);
  expect(await ends(topic)).toBe(2);
  consumer.process.kill('SIGCONT');
  await expect.poll(() => committed(topic, topic), { timeout: 30_000 }).toEqual([8]);
  consumer.process.kill('SIGTERM');
  const { exitCode, stdout, stderr } = await consumer.ended;
  // The answer to a request that it had sent may have come before they were removed.
  const { images, removed } = summaryOf(stdout);
  expect(images + removed).toBe(8);
  expect(removed).toBeGreaterThan(0);
  expect(stderr).toContain(
    `${removed} records of ${topic}[0], from offset ${8 - 2 - removed} to 5, were removed`,
  );
  expect(exitCode).toBe(1);
});
