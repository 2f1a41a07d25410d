import { startKafka } from '@image-stream/local-kafka';
import { expect, onTestFinished, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { start, succeed } from './programs.test-support.ts';

test('all programs work with the oldest Kafka that the README names', { timeout: 180_000 }, async () => {
  const kafka = await startKafka({ version: '2.1' });
  onTestFinished(() => kafka.stop());
  const output = temporaryFolder();
  const to = ['-bs', kafka.bootstrapServers, '-t', 'photos'];

  // Brokers before 2.4 have to be told how many partitions and replicas a topic gets.
  expect(await succeed('producer', [...to, '-n', '3', '--acks', 'all'])).toMatchObject({ images: 3 });
  expect(await succeed('producer', [...to, '-n', '1', '-mrs', '1000000'])).toMatchObject({ images: 1 });
  const consume = [...to, '-o', output, '--exit-at-end'];
  expect(await succeed('consumer', consume)).toMatchObject({ images: 4, deadLettered: 0 });
  expect(await succeed('consumer', consume)).toMatchObject({ images: 0, skipped: 0 });
  expect(await succeed('consumer', [...consume, '--from-beginning'])).toMatchObject({
    images: 0,
    skipped: 4,
  });
  expect(
    await succeed('consumer', [...to, '-o', temporaryFolder(), '--since', '1h', '-n', '1']),
  ).toMatchObject({
    images: 1,
  });
  expect(filesIn(output)).toHaveLength(4);

  const verified = await start('consumer', ['verify', ...to, '-o', output]).ended;
  expect(verified).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('agree') as string });
  const doctor = await start('consumer', ['doctor', ...to, '-o', output]).ended;
  expect(doctor).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('is 0 records behind') as string,
  });
  const peeked = await start('consumer', ['peek', ...to, '--json']).ended;
  expect(peeked.stdout.trim().split('\n')).toHaveLength(4);
});
