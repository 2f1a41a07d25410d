import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { findInstallation } from './installation.ts';
import { jvmStarter } from './jvm.ts';
import { fetchBrokerIds } from './metadata.ts';
import { prepareNode, startNode } from './node.ts';
import type { KafkaNode } from './node.ts';
import { findFreePorts, requireFreePorts } from './ports.ts';
import { commandLine } from './process-table.ts';
import { waitUntilReady } from './readiness.ts';
import { withStartCache } from './start-cache.ts';

const ANSWER_TIMEOUT_MS = 5_000;
const SHUTDOWN_TIMEOUT_MS = 15_000;
const POLL_MS = 100;

/** Where the one broker is that outlives the command which started it. */
export interface Service {
  /** The clients' port on 127.0.0.1. */
  readonly port: number;
  /** Where its data and process id are kept. */
  readonly stateDirectory: string;
}

/** Starts the broker unless a Kafka listens already; resolves to what to tell the user. */
export async function up(service: Service, report: (message: string) => void): Promise<string> {
  const running = await findBroker(service);
  if (running !== undefined) {
    return `Kafka already runs on localhost:${service.port} (process ${running}). Stop it with: pnpm kafka:down`;
  }
  if (await answers(service)) {
    return `Another Kafka already answers on localhost:${service.port}, so there is nothing to start.`;
  }
  await requireFreePorts([service.port]);
  const pid = await startBroker(service, report);
  return `Kafka runs on localhost:${service.port} (process ${pid}). Stop it with: pnpm kafka:down`;
}

/** Shuts the broker down; its data is kept for the next start unless it is to be removed. */
export async function down(service: Service, removeData: boolean): Promise<string> {
  const pid = await findBroker(service);
  if (pid !== undefined) {
    await endBroker(service, pid);
  }
  await rm(pidFile(service), { force: true });
  const state = pid === undefined ? 'Kafka was not running' : 'Kafka is stopped';
  if (removeData) {
    await rm(brokerDirectory(service), { recursive: true, force: true });
    return `${state}; its data is removed.`;
  }
  return pid === undefined ? `${state}.` : `${state}; remove its data too with: pnpm kafka:down --volumes`;
}

export async function status(service: Service): Promise<{ running: boolean; message: string }> {
  const pid = await findBroker(service);
  const running = await answers(service);
  if (pid === undefined) {
    const message = running
      ? `Another Kafka answers on localhost:${service.port}.`
      : 'Kafka is not running. Start it with: pnpm kafka:up';
    return { running, message };
  }
  const does = running ? 'runs' : 'does not answer';
  return { running, message: `Kafka ${does} on localhost:${service.port} (process ${pid}).` };
}

async function startBroker(service: Service, report: (message: string) => void): Promise<number | undefined> {
  const installation = await withStartCache(await findInstallation(report), report);
  const startJvm = jvmStarter(installation);
  const [internal, controller] = await findFreePorts(2);
  const node: KafkaNode = {
    id: 1,
    ports: { client: service.port, internal: internal!, controller: controller!, others: {} },
    directory: brokerDirectory(service),
  };
  const clusterId = await clusterIdOf(node);
  await prepareNode(startJvm, node, [node], clusterId, {}, installation.bootstrapFile);
  const jvm = startNode(startJvm, node);
  jvm.unref();
  await writeFile(pidFile(service), String(jvm.pid));
  try {
    await waitUntilReady(node, jvm, [node.id]);
  } catch (error) {
    jvm.signal('SIGKILL');
    throw error;
  }
  return jvm.pid;
}

/**
 * Kept storage is only taken with the id with which it was formatted. Other storage is another cluster: who notes what
 * a cluster has got must not take the new one for the old one.
 */
async function clusterIdOf({ directory }: KafkaNode): Promise<string> {
  const kept = await readFile(join(directory, 'data', 'meta.properties'), 'utf8').catch(() => '');
  return /^cluster\.id=(.+)$/m.exec(kept)?.[1] ?? randomBytes(16).toString('base64url');
}

async function answers(service: Service): Promise<boolean> {
  return await fetchBrokerIds(service.port, ANSWER_TIMEOUT_MS).then(
    () => true,
    () => false,
  );
}

/** The process id of the broker, if it still runs. */
async function findBroker(service: Service): Promise<number | undefined> {
  const pid = Number(await readFile(pidFile(service), 'utf8').catch(() => undefined));
  // After a restart of the machine, the number may be that of any other process.
  return pid > 0 && (await commandLine(pid)).includes(brokerDirectory(service)) ? pid : undefined;
}

async function endBroker(service: Service, pid: number): Promise<void> {
  process.kill(pid, 'SIGTERM');
  const deadline = performance.now() + SHUTDOWN_TIMEOUT_MS;
  while ((await findBroker(service)) !== undefined) {
    if (performance.now() > deadline) {
      process.kill(pid, 'SIGKILL');
    }
    await setTimeout(POLL_MS);
  }
}

function brokerDirectory({ stateDirectory }: Service): string {
  return join(stateDirectory, 'broker-1');
}

function pidFile({ stateDirectory }: Service): string {
  return join(stateDirectory, 'broker-1.pid');
}
