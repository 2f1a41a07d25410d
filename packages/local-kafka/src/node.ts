import { mkdir, writeFile } from 'node:fs/promises';
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
): Promise<void> {
  await mkdir(node.directory, { recursive: true });
  const properties = serverProperties(
    node.id,
    nodes.map(({ ports }) => ports),
    join(node.directory, 'data'),
    options,
  );
  await writeFile(propertiesFile(node), formatProperties(properties));

  if (options.version !== undefined) {
    startZooKeeper(startJvm, node);
    return;
  }
  const format = ['kafka.tools.StorageTool', 'format', '--ignore-formatted', `--cluster-id=${clusterId}`];
  const program = [...format, '--config', propertiesFile(node), ...scramArguments(options.users ?? {})];
  const jvm = startJvm([...FORMAT_FLAGS, ...program], node.directory, logFile(node));
  if ((await jvm.exited) !== 0) {
    throw await startFailure(node);
  }
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

function propertiesFile(node: KafkaNode): string {
  return join(node.directory, 'server.properties');
}

function logFile(node: KafkaNode): string {
  return join(node.directory, 'kafka.log');
}
