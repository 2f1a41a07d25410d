import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Where the page can be opened. */
export interface Addresses {
  /** On this machine. */
  readonly here: string;
  /** On other machines that reach this one; none where it listens on loopback only. */
  readonly elsewhere: readonly string[];
}

/**
 * What people can type for the address that a server listens on, which may stand for all that the machine has.
 *
 * @param listening such as `http://0.0.0.0:8080`
 */
export function addressesOf(
  listening: string,
  basePath: string,
  interfaces = networkInterfaces(),
): Addresses {
  const { hostname, port } = new URL(listening);
  const path = basePath === '/' ? '' : basePath;
  const urlOf = (host: string): string =>
    `http://${isIPv6(host) ? `[${host}]` : host}${port === '' ? '' : `:${port}`}${path}`;
  const address = hostname.replaceAll(/[[\]]/g, '');
  const families = familiesOfAll[address];
  if (families !== undefined) {
    const own = Object.values(interfaces)
      .flatMap((found) => found ?? [])
      // Without its zone, which no browser takes, an address of one link alone leads nowhere.
      .filter(
        ({ internal, family, address: one }) =>
          !internal && families.includes(family) && !/^fe80:/i.test(one),
      );
    return { here: urlOf('localhost'), elsewhere: own.map((one) => urlOf(one.address)) };
  }
  if (isLoopback(address)) {
    return { here: urlOf(address === '127.0.0.1' ? 'localhost' : address), elsewhere: [] };
  }
  return { here: urlOf(address), elsewhere: [urlOf(address)] };
}

/** Who listens on `::` also takes IPv4. */
const familiesOfAll: Readonly<Record<string, readonly string[]>> = {
  '0.0.0.0': ['IPv4'],
  '::': ['IPv4', 'IPv6'],
};

function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}
