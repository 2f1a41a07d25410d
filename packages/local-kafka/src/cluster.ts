import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBroker } from './broker.ts';
import type { KafkaBroker } from './broker.ts';
import { startGuard } from './guard.ts';
import type { Installation } from './installation.ts';
import { jvmStarter } from './jvm.ts';
import type { StartJvm } from './jvm.ts';
import { prepareNode } from './node.ts';
import type { KafkaNode } from './node.ts';
import type { KafkaOptions } from './options.ts';
import { findFreePorts, requireFreePorts } from './ports.ts';

/** A running Kafka. */
export interface KafkaCluster {
  /** `127.0.0.1:port`, or three of them separated by commas. */
  readonly bootstrapServers: string;
  /** Where the other listeners of the first broker are, `127.0.0.1:port` by the names that the options gave them. */
  readonly listeners: Readonly<Record<string, string>>;
  /** All brokers in the order of their ids, also those that do not run at the moment. */
  readonly brokers: readonly KafkaBroker[];
  /** Ends all brokers and removes their data. Does nothing the second time. */
  readonly stop: () => Promise<void>;
  /** The same as `stop()`, for `await using`. */
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** Starts all brokers in a new temporary directory, and leaves nothing behind if one of them fails. */
export async function startCluster(installation: Installation, options: KafkaOptions): Promise<KafkaCluster> {
  const ports = await choosePorts(options);
  const directory = await mkdtemp(join(tmpdir(), 'local-kafka-'));
  const guard = startGuard(directory);
  const nodes = ports.map((nodePorts, index) => ({
    id: index + 1,
    ports: nodePorts,
    directory: join(directory, `broker-${index + 1}`),
  }));
  const startJvm = jvmStarter(installation, guard);
  const brokers = nodes.map((node) => createBroker(startJvm, node));
  const stop = async (): Promise<void> => {
    // Their data goes with them, so a controlled shutdown, which takes seconds, would be for nothing.
    await Promise.all(brokers.map((broker) => broker.kill()));
    await guard.release();
  };
  try {
    await prepareAll(startJvm, nodes, options, installation.bootstrapFile);
    await Promise.all(brokers.map((broker) => broker.start(nodes.map(({ id }) => id))));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    bootstrapServers: brokers.map(({ port }) => `127.0.0.1:${port}`).join(','),
    listeners: Object.fromEntries(
      Object.entries(ports[0]!.others).map(([name, port]) => [name, `127.0.0.1:${port}`]),
    ),
    brokers,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function choosePorts({ brokers = 1, ports, listeners = {} }: KafkaOptions) {
  await requireFreePorts(ports ?? []);
  const names = Object.keys(listeners);
  const free = await findFreePorts(3 * brokers + names.length);
  const others = Object.fromEntries(names.map((name, index) => [name, free[3 * brokers + index]!]));
  return Array.from({ length: brokers }, (_, index) => ({
    client: ports?.[index] ?? free[3 * index]!,
    internal: free[3 * index + 1]!,
    controller: free[3 * index + 2]!,
    others: index === 0 ? others : {},
  }));
}

async function prepareAll(
  startJvm: StartJvm,
  nodes: readonly KafkaNode[],
  options: KafkaOptions,
  bootstrapFile: string | undefined,
): Promise<void> {
  const clusterId = randomBytes(16).toString('base64url');
  const prepared = await Promise.allSettled(
    nodes.map((node) => prepareNode(startJvm, node, nodes, clusterId, options, bootstrapFile)),
  );
  // Only now, when none of them writes any longer, can their directory be removed.
  const failed = prepared.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    throw failed.reason;
  }
}
