import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKafka } from '@image-stream/local-kafka';
import type { KafkaCluster } from '@image-stream/local-kafka';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';

let cluster: KafkaCluster;
beforeAll(async () => {
  cluster = await startKafka();
});
afterAll(() => cluster.stop());

test('the example runs', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'example-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'client.properties');
  writeFileSync(file, `bootstrap.servers=${cluster.bootstrapServers}\n`);
  vi.stubEnv('COMMAND_CONFIG', file);
  vi.stubEnv('KAFKA_BOOTSTRAP_SERVERS', undefined);
  vi.spyOn(console, 'debug').mockImplementation(() => {});
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  await import('../examples/send.ts');
  expect(log).toHaveBeenCalledWith([expect.objectContaining({ topicName: 'pictures', errorCode: 0 })]);
});

test('the README shows the example as it is', () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(read('../examples/send.ts').trim());
});
