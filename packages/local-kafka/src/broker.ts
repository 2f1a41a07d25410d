import { setTimeout } from 'node:timers/promises';
import type { Jvm, StartJvm } from './jvm.ts';
import { LocalKafkaError } from './local-kafka-error.ts';
import { startNode } from './node.ts';
import type { KafkaNode } from './node.ts';
import { isStopped } from './process-table.ts';
import { waitUntilReady } from './readiness.ts';

const SHUTDOWN_TIMEOUT_MS = 10_000;
const POLL_MS = 5;

/** One broker of a cluster, to be disturbed by a test. */
export interface KafkaBroker {
  /** Kafka's id of the broker: 1, 2 or 3. */
  readonly id: number;
  /** The clients' port on 127.0.0.1; it stays the same when the broker restarts. */
  readonly port: number;
  /** The process id of the broker's JVM, or undefined while it does not run. */
  readonly pid: number | undefined;
  /** Ends the broker by SIGKILL, as a crash would. Does nothing if it does not run. */
  kill(): Promise<void>;
  /**
   * Stops the broker's process by SIGSTOP, and resolves when all of its threads stand still: connections stay
   * open but nothing answers.
   *
   * @throws {LocalKafkaError} `NOT_RUNNING`
   */
  pause(): Promise<void>;
  /**
   * Lets a paused broker go on, by SIGCONT.
   *
   * @throws {LocalKafkaError} `NOT_RUNNING`
   */
  resume(): void;
  /**
   * Starts the broker again with the same ports and data, and resolves when it serves. A broker that runs is
   * shut down before: by SIGTERM, and by SIGKILL if it does not end within 10 s. After `kill()` that takes until the cluster has noticed the crash: Kafka's
   * `broker.session.timeout.ms`, 9 s by default.
   *
   * @throws {LocalKafkaError} `START_FAILED`, `PORT_IN_USE` or `NOT_READY`
   */
  restart(): Promise<void>;
}

/** What the cluster does with its brokers, beyond what it lets callers do. */
export interface ManagedBroker extends KafkaBroker {
  /** Resolves when the broker serves and knows all of these brokers. */
  start(brokerIds: readonly number[]): Promise<void>;
}

export function createBroker(startJvm: StartJvm, node: KafkaNode): ManagedBroker {
  let running: Jvm | undefined;

  const start = async (brokerIds: readonly number[]): Promise<void> => {
    const jvm = startNode(startJvm, node);
    running = jvm;
    void jvm.exited.then(() => {
      running = undefined;
    });
    await waitUntilReady(node, jvm, brokerIds);
  };

  const kill = async (): Promise<void> => {
    running?.signal('SIGKILL');
    await running?.exited;
  };

  const shutDown = async (): Promise<void> => {
    running?.signal('SIGTERM');
    running?.signal('SIGCONT'); // a paused process would not see the SIGTERM
    const patience = new AbortController();
    setTimeout(SHUTDOWN_TIMEOUT_MS, undefined, { signal: patience.signal }).then(kill, () => {});
    await running?.exited;
    patience.abort();
  };

  const signalRunning = (name: NodeJS.Signals): Jvm => {
    if (running === undefined) {
      throw new LocalKafkaError('NOT_RUNNING', `Kafka broker ${node.id} does not run. Call restart() first.`);
    }
    running.signal(name);
    return running;
  };

  return {
    id: node.id,
    port: node.ports.client,
    get pid() {
      return running?.pid;
    },
    start,
    kill,
    pause: async () => {
      const { pid } = signalRunning('SIGSTOP');
      while (!(await isStopped(pid!))) {
        await setTimeout(POLL_MS);
      }
    },
    resume: () => void signalRunning('SIGCONT'),
    restart: async () => {
      await shutDown();
      await start([node.id]);
    },
  };
}
