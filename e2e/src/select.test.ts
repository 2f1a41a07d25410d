import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { committed, createTopic, send, withAdmin } from './kafka.test-support.ts';
import { start, succeed } from './programs.test-support.ts';

const hour = 3_600_000;
// Not long ago, or the broker's retention would remove the records.
const first = Date.now() - 24 * hour;
const at = (hours: number): string => new Date(first + hours * hour).toISOString();

/** Twelve pictures, one an hour, of two customers in turn, in two partitions. */
async function filledTopic(): Promise<string> {
  const topic = await createTopic(2);
  const value = await sharp({ create: { width: 2, height: 2, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  const messages = Array.from({ length: 12 }, (_one, index) => ({
    key: `hour-${String(index).padStart(2, '0')}`,
    value,
    partition: index < 6 ? 0 : 1,
    timestamp: String(first + index * hour),
    headers: { customer_id: index % 2 === 0 ? 'even' : 'odd' },
  }));
  await send(topic, ...messages);
  return topic;
}

test('a part of a topic is taken, and no group of others is touched', async () => {
  const topic = await filledTopic();
  const select = async (...args: string[]): Promise<string[]> => {
    const output = join(temporaryFolder(), 'output');
    await succeed('consumer', ['-t', topic, '-o', output, ...args]);
    return filesIn(output)
      .map((file) => /hour-(\d\d)/.exec(file)![1]!)
      .toSorted();
  };
  expect(await select('--until', at(3))).toEqual(['00', '01', '02']);
  expect(await select('--since', at(4), '--until', at(8))).toEqual(['04', '05', '06', '07']);
  expect(await select('--since', at(9), '--exit-at-end')).toEqual(['09', '10', '11']);
  expect(await select('--customer', 'odd', '--partition', '1', '--exit-at-end')).toEqual(['07', '09', '11']);
  expect(await select('--customer', 'odd', '-n', '2')).toHaveLength(2);

  expect(await committed('image-consumer', topic)).toEqual([-1, -1]);
  const { groups } = await withAdmin((admin) => admin.listGroups());
  const descriptions = groups.filter(({ groupId }) => groupId.startsWith('image-stream-selection-'));
  expect(descriptions).toEqual([]);
});

test.each([
  [['--partition', '7', '--exit-at-end'], 1, 'has 2 partitions, and no 7'],
  [['--since', 'yesterday'], 2, '--since must be a time such as 2026-11-24T08:00:00Z'],
  [['--since', '1h', '--until', '2h'], 2, 'must be before --until'],
  [['--customer', 'a', '-gid', 'g'], 2, '--group-id cannot be combined with --customer'],
])('%j is refused', async (args, code, message) => {
  const topic = await createTopic(2);
  const { exitCode, stderr } = await start('consumer', ['-t', topic, '-o', temporaryFolder(), ...args]).ended;
  expect(stderr).toContain(message);
  expect(exitCode).toBe(code);
});
