import type { Server } from 'node:http';
import { isIPv6 } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A server cannot listen where it was told to; the message names the options, says why, and what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code = 'CANNOT_LISTEN';
}

/** Where to listen, and which options say so. */
interface ListenOptions {
  /** An address of this machine, or a name of one. */
  readonly host: string;
  /** 0 takes any that is free. */
  readonly port: number;
  /** For messages, such as `--host`. */
  readonly hostOption: string;
  readonly portOption: string;
  /** Told of what goes wrong later, such as no file descriptor left for one who connects; that ends nothing. */
  readonly onError: (error: Error) => void;
}

/** @returns where the server answers, without a path, such as `http://127.0.0.1:9464`. @throws ListenError */
export async function listen(server: Server, options: ListenOptions): Promise<string> {
  const { host, port, hostOption, portOption, onError } = options;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const [problem, advice] = problems[error.code ?? ''] ?? [error.message, 'check both options'];
      const message = `cannot listen on ${portOption} ${port} of ${hostOption} ${host}: ${problem}; ${advice}`;
      reject(new ListenError(message, { cause: error }));
    });
    server.listen({ host, port }, resolve);
  });
  server.on('error', onError);
  const { address, port: taken } = server.address() as AddressInfo;
  return `http://${isIPv6(address) ? `[${address}]` : address}:${taken}`;
}

const problems: Record<string, readonly [problem: string, advice: string]> = {
  EADDRINUSE: ['the port is in use', 'choose another port, or 0 for any that is free'],
  EACCES: ['this user may not take the port', 'choose a port from 1024 to 65535, or 0 for any that is free'],
  EADDRNOTAVAIL: ['the host is no address of this machine', 'choose one of its own, or 0.0.0.0 for all'],
  ENOTFOUND: ['the host is not known', 'choose an address of this machine, or 0.0.0.0 for all'],
};
