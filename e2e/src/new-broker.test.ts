import { startKafka } from '@image-stream/local-kafka';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from './files.test-support.ts';
import { start, succeed } from './programs.test-support.ts';

test('consumers that are the first of their groups on a new broker wait until it knows who serves groups', async () => {
  const kafka = await startKafka();
  onTestFinished(() => kafka.stop());
  const shared = ['-bs', kafka.bootstrapServers, '-t', 'first'];
  await succeed('producer', [...shared, '-n', '1', '--width', '16', '--height', '16']);
  const consumers = ['a', 'b', 'c', 'd'].map((group) =>
    start('consumer', [...shared, '-gid', group, '-o', temporaryFolder(), '--exit-at-end']),
  );
  for (const { ended } of consumers) {
    expect(await ended).toMatchObject({ exitCode: 0 });
  }
});
