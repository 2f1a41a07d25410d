import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopic, ends, setTopicLimit } from './kafka.test-support.ts';
import { start, succeed, summaryOf } from './programs.test-support.ts';

const noise = ['--width', '400', '--height', '400', '--seed', 's'];

test('images go on in chunks where the limit of the topic is lowered while the producer runs', async () => {
  const topic = await createTopic();
  const output = join(temporaryFolder(), 'output');
  const { process: child, ended } = start('producer', [
    ...['-n', '30', '--rate', '15', '-t', topic, ...noise, '--json', '--quiet'],
  ]);
  await expect.poll(() => ends(topic), { timeout: 30_000 }).toBeGreaterThan(3);
  await setTopicLimit(topic, '200000');
  const { exitCode, stdout, stderr } = await ended;
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  expect(child.signalCode).toBeNull();
  expect(summaryOf(stdout)).toMatchObject({ images: 30, failed: 0 });
  // Those after it took several records each.
  expect(await ends(topic)).toBeGreaterThan(30);

  const consume = ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end'];
  expect(await succeed('consumer', consume)).toMatchObject({ images: 30, deadLettered: 0 });
  expect(filesIn(output)).toHaveLength(30);
});

test('so do small images that share requests', async () => {
  const topic = await createTopic();
  const { ended } = start('producer', [
    ...['-n', '400', '--rate', '200', '-t', topic, '--width', '100', '--height', '100', '--json', '--quiet'],
  ]);
  await expect.poll(() => ends(topic), { timeout: 30_000 }).toBeGreaterThan(20);
  await setTopicLimit(topic, '40000');
  const { stdout, stderr } = await ended;
  expect(summaryOf(stdout), stderr).toMatchObject({ images: 400, failed: 0 });
});

test('python-json, which has no chunks, says which setting to raise', async () => {
  const topic = await createTopic(1, '100000');
  const args = ['-n', '1', '-t', topic, ...noise, '--format', 'python-json'];
  const { exitCode, stderr } = await start('producer', args).ended;
  expect(stderr).toMatch(
    /more than the 100000 allowed, and python-json has no chunks; raise max.message.bytes of topic/,
  );
  expect(exitCode).toBe(1);
});
