import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';

/** Listens on loopback. @returns the port */
export async function listen(server: Pick<Server, 'listen' | 'address'>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const bearer = 'auth=Bearer ';

/** A way to a broker that remembers what clients have sent through it. */
export async function tappedBroker(address: string) {
  const [host, port] = address.split(':');
  let sent = '';
  const server = createServer((socket) => {
    const broker = connect({ host: host!, port: Number(port) });
    for (const side of [socket, broker]) {
      side.on('error', () => {});
    }
    socket.on('data', (bytes) => (sent += bytes.toString('latin1')));
    socket.pipe(broker).pipe(socket);
  });
  return {
    address: `127.0.0.1:${await listen(server)}`,
    /** The last login: its token, and what else it said. */
    login: () => {
      const [said = '', ...extensions] = sent
        .slice(sent.lastIndexOf(bearer))
        .split('\u0001\u0001')[0]!
        .split('\u0001');
      return { token: said.replace(bearer, ''), extensions };
    },
    close: () => server.close(),
  };
}

/** A token without a signature for alice, which expires so many seconds from now. */
export function unsignedToken(expiresIn: number): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: 'alice', iat: now - 7200, exp: now + expiresIn };
  return `${[{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
}
