import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { Jvm } from './jvm.ts';
import { LocalKafkaError } from './local-kafka-error.ts';
import { fetchBrokerIds } from './metadata.ts';
import { startFailure } from './node.ts';
import type { KafkaNode } from './node.ts';

const READY_TIMEOUT_MS = 120_000;
const POLL_MS = 50;
const ANSWER_TIMEOUT_MS = 5_000;

/**
 * Resolves when clients can connect to the node and it knows all of these brokers as registered and unfenced,
 * so that topics can be placed on each of them.
 */
export async function waitUntilReady(node: KafkaNode, jvm: Jvm, brokerIds: readonly number[]): Promise<void> {
  let ended = false;
  void jvm.exited.then(() => (ended = true));
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!(await isReady(node, brokerIds))) {
    if (ended) {
      throw await startFailure(node);
    }
    if (performance.now() > deadline) {
      throw new LocalKafkaError(
        'NOT_READY',
        `Kafka broker ${node.id} was not ready within ${READY_TIMEOUT_MS / 1000} s. Is this machine overloaded?`,
        { cause: await startFailure(node) },
      );
    }
    await setTimeout(POLL_MS);
  }
}

async function isReady(node: KafkaNode, brokerIds: readonly number[]): Promise<boolean> {
  // The clients' listener may need TLS or a login, so the question goes to the one between brokers. Both open
  // only after the broker has been unfenced, one shortly after the other.
  const unfenced = await fetchBrokerIds(node.ports.internal, ANSWER_TIMEOUT_MS).catch((): number[] => []);
  return brokerIds.every((id) => unfenced.includes(id)) && (await isListening(node.ports.client));
}

async function isListening(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
  });
}
