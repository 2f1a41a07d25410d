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

/** A client, and the servers that it was given. */
interface Client {
  readonly kafka: Kafka;
  readonly servers: string;
}

/** A client with a properties file of these lines. */
export async function client(folder: string, servers: string, ...lines: string[]): Promise<Client> {
  const file = join(folder, `${randomUUID()}.properties`);
  await writeFile(file, [`bootstrap.servers=${servers}`, ...lines, ''].join('\n'));
  const config = await clientConfig(await loadProperties({ file }), { debug: () => {} });
  return { kafka: new kafkajs.Kafka(config), servers };
}

/** Connects, and asks for something. */
export async function connect({ kafka, servers }: Client): Promise<void> {
  const admin = kafka.admin();
  await connectAdmin(admin, [servers]);
  expect(await admin.listTopics()).toEqual([]);
  await admin.disconnect();
}

/** Why it does not connect: one line, in which its servers are called kafka. */
export async function failure(unable: Client): Promise<{ code: string; message: string }> {
  const error: unknown = await connect(unable).catch((thrown: unknown) => thrown);
  const { code, message } = error as { code: string; message: string };
  expect(message, String(error)).not.toContain('\n');
  return { code, message: message.replaceAll(unable.servers, 'kafka') };
}

/** A token without a signature for alice, which expires so many seconds from now. */
export function unsignedToken(expiresIn: number): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: 'alice', iat: now - 7200, exp: now + expiresIn };
  return `${[{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
}
