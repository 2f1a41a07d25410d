import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';

/** Listens on loopback. @returns the port */
export async function listen(server: Pick<Server, 'listen' | 'address'>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/**
 * Takes connections at once, and passes them on to a broker.
 *
 * @param address of the broker
 * @param delayMs how much later each is passed on
 * @param tap is told what clients send
 */
export function forwarder(address: string, delayMs = 0, tap: (bytes: Buffer) => void = () => {}): Server {
  const [host, port] = address.split(':');
  return createServer((socket) => {
    socket.on('error', () => {});
    setTimeout(() => {
      const broker = connect({ host: host!, port: Number(port) });
      broker.on('error', () => socket.destroy());
      socket.on('data', tap);
      socket.pipe(broker).pipe(socket);
    }, delayMs);
  });
}

const bearer = 'auth=Bearer ';

/** A way to a broker that remembers what clients have sent through it. */
export async function tappedBroker(address: string) {
  let sent = '';
  const server = forwarder(address, 0, (bytes) => (sent += bytes.toString('latin1')));
  return {
    address: `127.0.0.1:${await listen(server)}`,
    /** The last login: its token, and what else it said. */
    login: () => {
      const last = sent.slice(sent.lastIndexOf(bearer)).split('\u0001\u0001')[0]!;
      const [said = '', ...extensions] = last.split('\u0001');
      return { token: said.replace(bearer, ''), extensions };
    },
    close: () => server.close(),
  };
}
