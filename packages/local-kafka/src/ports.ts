import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { LocalKafkaError } from './local-kafka-error.ts';

// Below the ports that systems give to outgoing connections, so that a broker that is down for a while is
// unlikely to lose its port, and clear of 29092.
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 28_999;

/** Finds that many different ports on 127.0.0.1 on which nothing listens at this moment. */
export async function findFreePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT + 1);
    if (await isFree(port)) {
      ports.add(port);
    }
  }
  return [...ports];
}

/** Throws `PORT_IN_USE` for the first of the ports on which something listens. */
export async function requireFreePorts(ports: readonly number[], name = 'Kafka'): Promise<void> {
  for (const port of ports) {
    if (!(await isFree(port))) {
      throw new LocalKafkaError(
        'PORT_IN_USE',
        `Cannot start ${name}: another process already listens on 127.0.0.1:${port}. Stop that process first.`,
      );
    }
  }
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)));
  });
}
