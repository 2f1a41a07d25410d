import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as background from './background.ts';
import type { BackgroundServer } from './background.ts';
import { findInstallation } from './installation.ts';
import { jvmStarter } from './jvm.ts';
import type { Jvm } from './jvm.ts';
import { fetchBrokerIds } from './metadata.ts';
import { prepareNode, startNode } from './node.ts';
import type { KafkaNode } from './node.ts';
import { findFreePorts } from './ports.ts';
import { kafka } from './product.ts';
import { waitUntilReady } from './readiness.ts';
import { withStartCache } from './start-cache.ts';

const ANSWER_TIMEOUT_MS = 5_000;

const ofThisProject = (action: string): string => `pnpm kafka:${action}`;

/** Where the one broker is that outlives the command which started it. */
export interface Service {
  /** The clients' port on 127.0.0.1. */
  readonly port: number;
  /** Where its data and process id are kept. */
  readonly stateDirectory: string;
  /** Where what makes its starts faster is kept. Default: beside this package. */
  readonly cacheDirectory?: string;
  /** As of `BackgroundServer`. Default: the scripts of this project. */
  readonly command?: BackgroundServer['command'];
}

/** The broker as `background.ts` starts and ends it. */
export function backgroundBroker(service: Service): BackgroundServer {
  const { port, stateDirectory, cacheDirectory, command = ofThisProject } = service;
  const directory = join(stateDirectory, 'broker-1');
  return {
    name: 'Kafka',
    command,
    port,
    directory,
    start: (report, started) => startBroker({ port, directory, cacheDirectory }, report, started),
    answers: () =>
      fetchBrokerIds(port, ANSWER_TIMEOUT_MS).then(
        () => true,
        () => false,
      ),
  };
}

/** Starts the broker unless a Kafka listens already; resolves to what to tell the user. */
export function up(service: Service, report: (message: string) => void): Promise<string> {
  return background.up(backgroundBroker(service), report);
}

/** Shuts the broker down; its data is kept for the next start unless it is to be removed. */
export function down(service: Service, removeData: boolean): Promise<string> {
  return background.down(backgroundBroker(service), removeData);
}

export function status(service: Service): Promise<{ running: boolean; message: string }> {
  return background.status(backgroundBroker(service));
}

async function startBroker(
  {
    port,
    directory,
    cacheDirectory,
  }: { readonly port: number; readonly directory: string; readonly cacheDirectory: string | undefined },
  report: (message: string) => void,
  started: (jvm: Jvm) => Promise<void>,
): Promise<Jvm> {
  const installation = await withStartCache(
    await findInstallation(report, kafka, cacheDirectory),
    report,
    cacheDirectory,
  );
  const startJvm = jvmStarter(installation);
  const [internal, controller] = await findFreePorts(2);
  const node: KafkaNode = {
    id: 1,
    ports: { client: port, internal: internal!, controller: controller!, others: {} },
    directory,
  };
  const clusterId = await clusterIdOf(node);
  await prepareNode(startJvm, node, [node], clusterId, {}, installation.bootstrapFile);
  const jvm = startNode(startJvm, node);
  await started(jvm);
  try {
    await waitUntilReady(node, jvm, [node.id]);
  } catch (error) {
    jvm.signal('SIGKILL');
    throw error;
  }
  return jvm;
}

/**
 * Kept storage is only taken with the id with which it was formatted. Other storage is another cluster: who notes what
 * a cluster has got must not take the new one for the old one.
 */
async function clusterIdOf({ directory }: KafkaNode): Promise<string> {
  const kept = await readFile(join(directory, 'data', 'meta.properties'), 'utf8').catch(() => '');
  return /^cluster\.id=(.+)$/m.exec(kept)?.[1] ?? randomBytes(16).toString('base64url');
}
