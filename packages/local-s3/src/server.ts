import { mkdir, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LocalKafkaError, readCause } from '@image-stream/local-kafka/java-server';
import type { Jvm, jvmStarter, Product } from '@image-stream/local-kafka/java-server';

// These lie beside both src and dist, so the same relative path finds them from either.
const besideSources = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** What outlives a process: the cached class path, and the data of the server started from the command line. */
export const STATE_DIRECTORY = besideSources('.local-s3');

/** https://github.com/gaul/s3proxy, which keeps objects as files and their metadata as extended attributes. */
export const s3proxy: Product = {
  name: 'S3',
  pomFile: besideSources('pom.xml'),
  size: '40 MB',
  logging: `-Dlogback.configurationFile=${besideSources('logback.xml')}`,
  alternative: '',
};

const FLAGS = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:+ExitOnOutOfMemoryError'];

const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 20;

/** One server and where its files are. */
export interface ServerSettings {
  readonly port: number;
  readonly directory: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Made unless they are there. */
  readonly buckets: readonly string[];
}

/** Where the buckets are, each a folder. */
export function dataDirectory({ directory }: Pick<ServerSettings, 'directory'>): string {
  return join(directory, 'data');
}

/**
 * Starts the process, and resolves when it serves.
 *
 * @param started called as soon as there is a process
 * @throws {LocalKafkaError} `START_FAILED`, `PORT_IN_USE` or `NOT_READY`
 */
export async function startServer(
  startJvm: ReturnType<typeof jvmStarter>,
  settings: ServerSettings,
  started: (jvm: Jvm) => Promise<void> = async () => {},
): Promise<Jvm> {
  const { port, directory, accessKeyId, secretAccessKey, buckets } = settings;
  // What others on this machine may read, the server gives to everybody without a login.
  const data = dataDirectory(settings);
  for (const folder of [data, ...buckets.map((bucket) => join(data, bucket))]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }
  const properties = {
    's3proxy.endpoint': `http://127.0.0.1:${port}`,
    's3proxy.authorization': 'aws-v2-or-v4',
    's3proxy.identity': accessKeyId,
    's3proxy.credential': secretAccessKey,
    'jclouds.provider': 'filesystem-nio2',
    'jclouds.filesystem.basedir': data,
  };
  const file = join(directory, 's3proxy.properties');
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(file, lines.join(''), { mode: 0o600 });
  const log = join(directory, 's3.log');
  const jvm = startJvm([...FLAGS, 'org.gaul.s3proxy.Main', '--properties', file], directory, log);
  await started(jvm);
  try {
    await waitUntilReady(port, jvm, log);
  } catch (error) {
    jvm.signal('SIGKILL');
    throw error;
  }
  return jvm;
}

/** Whether something on that port of 127.0.0.1 answers as S3 does. */
export async function answers(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, timeout: 5000, agent: false }, (response) => {
      response.resume();
      resolve(response.headers['x-amz-request-id'] !== undefined);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
  });
}

async function waitUntilReady(port: number, jvm: Jvm, log: string): Promise<void> {
  let hasEnded = false;
  void jvm.exited.then(() => (hasEnded = true));
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!(await answers(port))) {
    if (hasEnded) {
      const cause = await readCause(log);
      const code = /Address already in use/.test(cause) ? 'PORT_IN_USE' : 'START_FAILED';
      throw new LocalKafkaError(code, `The S3 server did not start. Its log says:\n${cause}`);
    }
    if (performance.now() > deadline) {
      throw new LocalKafkaError(
        'NOT_READY',
        `The S3 server was not ready within ${READY_TIMEOUT_MS / 1000} s. Is this machine overloaded?`,
      );
    }
    await setTimeout(POLL_MS);
  }
}
