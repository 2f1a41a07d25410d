import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { findFreePorts } from './ports.ts';
import { down, status, up } from './service.ts';
import type { Service } from './service.ts';
import { startKafka } from './start-kafka.ts';

const ignore = () => {};
let service: Service;

beforeEach(async () => {
  const [port] = await findFreePorts(1);
  service = { port: port!, stateDirectory: await mkdtemp(join(tmpdir(), 'local-kafka-service-')) };
});

afterEach(async () => {
  await down(service, true);
  await rm(service.stateDirectory, { recursive: true });
});

test('data outlives down and up, until it is removed', async () => {
  expect(await status(service)).toEqual({
    running: false,
    message: 'Kafka is not running. Start it with: pnpm kafka:up',
  });
  expect(await up(service, ignore)).toContain(`Kafka runs on localhost:${service.port}`);
  expect(await status(service)).toMatchObject({ running: true });
  expect(await up(service, ignore)).toContain('Kafka already runs');

  await withAdmin(
    async (admin) => await admin.createTopics({ topics: [{ topic: 'images' }], waitForLeaders: false }),
  );
  const clusterId = await clusterIdOfService();
  expect(await down(service, false)).toContain('Kafka is stopped');
  expect(await status(service)).toMatchObject({ running: false });

  await up(service, ignore);
  expect(await withAdmin(async (admin) => await admin.listTopics())).toEqual(['images']);
  expect(await clusterIdOfService()).toBe(clusterId);
  expect(await down(service, true)).toContain('its data is removed');
  expect(await readdir(service.stateDirectory)).toEqual([]);
  expect(await down(service, false)).toBe('Kafka was not running.');

  // Without its data it is another cluster, to which nothing has been sent.
  await up(service, ignore);
  expect(await clusterIdOfService()).not.toBe(clusterId);
}, 240_000);

test('another Kafka on the port is welcome', async () => {
  const cluster = await startKafka({ ports: [service.port] });
  onTestFinished(cluster.stop);
  expect(await up(service, ignore)).toContain('Another Kafka already answers');
  expect(await status(service)).toMatchObject({ running: true });
  expect(await down(service, false)).toBe('Kafka was not running.');
});

async function clusterIdOfService(): Promise<string> {
  const { clusterId } = await withAdmin(async (admin) => await admin.describeCluster());
  return clusterId;
}

async function withAdmin<T>(action: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
  const kafka = new Kafka({ brokers: [`127.0.0.1:${service.port}`], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await action(admin);
  } finally {
    await admin.disconnect();
  }
}
