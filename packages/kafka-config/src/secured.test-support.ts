import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificates } from '@image-stream/local-kafka';
import kafkajs from 'kafkajs';
import type { Kafka } from 'kafkajs';
import { afterAll, beforeAll, expect } from 'vitest';
import { clientConfig, connectAdmin, loadProperties } from './index.ts';

/** A folder for certificates and the like, while the tests of a file run. @returns its path, once it is there */
export function temporaryFolder(): () => string {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kafka-config-secured-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  return () => folder;
}

/** The lines of a properties file for a key store. */
export function keystore({ clientKeystore, password }: Certificates): string[] {
  return [
    'ssl.keystore.type=PKCS12',
    `ssl.keystore.location=${clientKeystore}`,
    `ssl.keystore.password=${password}`,
  ];
}

/** A client with a properties file of these lines. */
export async function client(folder: string, servers: string, ...lines: string[]): Promise<Kafka> {
  const file = join(folder, `${randomUUID()}.properties`);
  await writeFile(file, [`bootstrap.servers=${servers}`, ...lines, ''].join('\n'));
  return new kafkajs.Kafka(await clientConfig(await loadProperties({ file }), { debug: () => {} }));
}

/** Connects, and asks for something. */
export async function connect(kafka: Kafka): Promise<void> {
  const admin = kafka.admin();
  await connectAdmin(admin, ['kafka']);
  expect(await admin.listTopics()).toEqual([]);
  await admin.disconnect();
}

/** Why it does not connect: one line. */
export async function failure(kafka: Kafka): Promise<{ code: string; message: string }> {
  const error: unknown = await connect(kafka).catch((thrown: unknown) => thrown);
  const { code, message } = error as { code: string; message: string };
  expect(message, String(error)).not.toContain('\n');
  return { code, message };
}
