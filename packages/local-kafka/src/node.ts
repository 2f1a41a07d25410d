import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Jvm, StartJvm } from './jvm.ts';
import { LocalKafkaError } from './local-kafka-error.ts';
import { readCause } from './log-excerpt.ts';
import type { KafkaOptions } from './options.ts';
import { scramArguments } from './sasl.ts';
import { formatProperties, serverProperties } from './server-properties.ts';
import type { NodePorts } from './server-properties.ts';

// The serial collector needs the fewest threads, as several JVMs share few processors here. Only the short
// formatting does without the optimizing compiler: a broker would start 0.3 s sooner without it, but stay slow.
const FORMAT_FLAGS = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const BROKER_FLAGS = ['-Xmx1g', '-XX:+UseSerialGC', '-XX:+ExitOnOutOfMemoryError'];

/** One Kafka process, both broker and controller, and where its files are. */
export interface KafkaNode {
  readonly id: number;
  readonly ports: NodePorts;
  readonly directory: string;
}

/** Writes the settings of one of these nodes and formats its storage, unless that was done before. */
export async function prepareNode(
  startJvm: StartJvm,
  node: KafkaNode,
  nodes: readonly KafkaNode[],
  clusterId: string,
  options: KafkaOptions,
  bootstrapFile?: string,
): Promise<void> {
  await mkdir(node.directory, { recursive: true });
  const data = dataDirectory(node);
  const ports = nodes.map((one) => one.ports);
  const properties = serverProperties(node.id, ports, data, options);
  await writeFile(propertiesFile(node), formatProperties(properties));

  if (options.version !== undefined) {
    startZooKeeper(startJvm, node);
    return;
  }
  if (bootstrapFile !== undefined && options.users === undefined && properties['log.dirs'] === data) {
    await formatStorage(node, clusterId, bootstrapFile);
    return;
  }
  const format = ['kafka.tools.StorageTool', 'format', '--ignore-formatted', `--cluster-id=${clusterId}`];
  const program = [...format, '--config', propertiesFile(node), ...scramArguments(options.users ?? {})];
  const jvm = startJvm([...FORMAT_FLAGS, ...program], node.directory, logFile(node));
  if ((await jvm.exited) !== 0) {
    throw await startFailure(node);
  }
}

/** Does what Kafka's formatter does in a second of its own, given what that has once written for a storage without users. */
async function formatStorage(node: KafkaNode, clusterId: string, bootstrapFile: string): Promise<void> {
  const metaFile = join(dataDirectory(node), 'meta.properties');
  if (existsSync(metaFile)) {
    return;
  }
  await mkdir(dataDirectory(node), { recursive: true });
  await copyFile(bootstrapFile, bootstrapFileOf(node));
  const directoryId = randomBytes(16).toString('base64url');
  const ids = { 'cluster.id': clusterId, 'node.id': `${node.id}`, 'directory.id': directoryId };
  await writeFile(metaFile, formatProperties({ version: '1', ...ids }));
}

/** Keeps what a broker of an old Kafka would forget; the broker waits for it. */
function startZooKeeper(startJvm: StartJvm, { ports, directory }: KafkaNode): void {
  const flags = ['-Dzookeeper.jmx.log4j.disable=true', '-Dzookeeper.admin.enableServer=false'];
  const program = ['org.apache.zookeeper.server.ZooKeeperServerMain', `${ports.controller}`];
  const data = join(directory, 'zookeeper');
  startJvm([...FORMAT_FLAGS, ...flags, ...program, data], directory, join(directory, 'zookeeper.log'));
}

/** Starts the process; it takes until `waitUntilReady` before it serves. */
export function startNode(startJvm: StartJvm, node: KafkaNode): Jvm {
  return startJvm([...BROKER_FLAGS, 'kafka.Kafka', propertiesFile(node)], node.directory, logFile(node));
}

/** The error for a process that ended although it should not have. */
export async function startFailure(node: KafkaNode): Promise<LocalKafkaError> {
  const cause = await readCause(logFile(node));
  const code = /Address already in use/.test(cause) ? 'PORT_IN_USE' : 'START_FAILED';
  return new LocalKafkaError(code, `Kafka broker ${node.id} did not start. Its log says:\n${cause}`);
}

/** The first records of the cluster's metadata, such as the versions of its features; the same for all clusters without users. */
export function bootstrapFileOf(node: KafkaNode): string {
  return join(dataDirectory(node), 'bootstrap.checkpoint');
}

function dataDirectory(node: KafkaNode): string {
  return join(node.directory, 'data');
}

function propertiesFile(node: KafkaNode): string {
  return join(node.directory, 'server.properties');
}

function logFile(node: KafkaNode): string {
  return join(node.directory, 'kafka.log');
}
