import type { KafkaOptions } from './options.ts';
import { saslProperties } from './sasl.ts';

/** The ports on 127.0.0.1 of one node, which is a broker and a controller. */
export interface NodePorts {
  readonly client: number;
  readonly internal: number;
  readonly controller: number;
  /** Of the other listeners, by name. */
  readonly others: Readonly<Record<string, number>>;
}

/** The settings of the node with that id among all nodes of the cluster, whose ids are 1, 2, 3. */
export function serverProperties(
  id: number,
  nodes: readonly NodePorts[],
  dataDirectory: string,
  options: KafkaOptions,
): Record<string, string> {
  return {
    ...quorumProperties(id, nodes, dataDirectory, options),
    ...(options.version === undefined ? {} : zooKeeperProperties(id, nodes)),
    ...(options.certificates === undefined ? {} : tlsProperties(options)),
    ...(options.users === undefined ? {} : saslProperties(options.users)),
    ...smallClusterProperties(nodes.length),
    ...(options.racks === undefined ? {} : { 'broker.rack': options.racks[id - 1]! }),
    ...options.config,
    ...superUsers(options.config),
  };
}

/** Writes settings in the format of Java's Properties. */
export function formatProperties(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${escapeValue(value)}\n`)
    .join('');
}

function quorumProperties(
  id: number,
  nodes: readonly NodePorts[],
  dataDirectory: string,
  { securityProtocol = 'PLAINTEXT', advertisedPorts, listeners = {} }: KafkaOptions,
): Record<string, string> {
  const { client, internal, controller, others } = nodes[id - 1]!;
  const advertised = advertisedPorts?.[id - 1] ?? client;
  const voters = nodes.map((node, index) => `${index + 1}@127.0.0.1:${node.controller}`);
  return {
    'process.roles': 'broker,controller',
    'node.id': `${id}`,
    'controller.quorum.voters': voters.join(','),
    listeners: [
      `CLIENT://127.0.0.1:${client}`,
      `INTERNAL://127.0.0.1:${internal}`,
      `CONTROLLER://127.0.0.1:${controller}`,
      ...Object.entries(others).map(([name, port]) => `${name}://127.0.0.1:${port}`),
    ].join(','),
    'advertised.listeners': [
      `CLIENT://127.0.0.1:${advertised}`,
      `INTERNAL://127.0.0.1:${internal}`,
      ...Object.keys(others).map((name) => `${name}://${listeners[name]}`),
    ].join(','),
    'listener.security.protocol.map': [
      `CLIENT:${securityProtocol}`,
      ...['INTERNAL', 'CONTROLLER', ...Object.keys(listeners)].map((name) => `${name}:PLAINTEXT`),
    ].join(','),
    'inter.broker.listener.name': 'INTERNAL',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': dataDirectory,
  };
}

/** In place of a quorum of controllers: a ZooKeeper on the controller's port. What Kafka 2.1 does not know, it passes over. */
function zooKeeperProperties(id: number, nodes: readonly NodePorts[]): Record<string, string> {
  const { client, internal, controller } = nodes[id - 1]!;
  return {
    'broker.id': `${id}`,
    'zookeeper.connect': `127.0.0.1:${controller}`,
    listeners: `CLIENT://127.0.0.1:${client},INTERNAL://127.0.0.1:${internal}`,
    'listener.security.protocol.map': 'CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT',
  };
}

function tlsProperties({ certificates, clientAuth = 'none' }: KafkaOptions): Record<string, string> {
  const { serverKeystore, password, ca } = certificates!;
  return {
    'listener.name.client.ssl.keystore.type': 'PKCS12',
    'listener.name.client.ssl.keystore.location': serverKeystore,
    'listener.name.client.ssl.keystore.password': password,
    'listener.name.client.ssl.truststore.type': 'PEM',
    'listener.name.client.ssl.truststore.location': ca,
    'listener.name.client.ssl.client.auth': clientAuth,
  };
}

// Kafka's defaults for its internal topics are made for large clusters that run for long: 50 partitions on
// three brokers, and a first rebalance that waits for more consumers to come.
function smallClusterProperties(brokers: number): Record<string, string> {
  return {
    'auto.create.topics.enable': 'false',
    'group.initial.rebalance.delay.ms': '0',
    'offsets.topic.num.partitions': '3',
    'offsets.topic.replication.factor': `${brokers}`,
    'transaction.state.log.num.partitions': '3',
    'transaction.state.log.replication.factor': `${brokers}`,
    'transaction.state.log.min.isr': `${Math.min(2, brokers)}`,
  };
}

// Without this, an authorizer would refuse what the brokers ask of each other and of the controllers.
function superUsers(config: KafkaOptions['config']): Record<string, string> {
  if (config?.['authorizer.class.name'] === undefined) {
    return {};
  }
  const users = config['super.users'];
  return { 'super.users': users === undefined ? 'User:ANONYMOUS' : `${users};User:ANONYMOUS` };
}

function escapeValue(value: string): string {
  return value
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replace(/^ /, '\\ ')
    .replaceAll(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
