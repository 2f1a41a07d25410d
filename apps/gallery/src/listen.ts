import type { Server } from 'node:http';
import { isIPv6 } from 'node:net';
import type { AddressInfo } from 'node:net';

/** The address of --host and --port cannot be listened on; the message says why, and what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** @returns where the server answers, without a path. @throws ListenError */
export async function listen(server: Server, host: string, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(translate(error, host, port)));
    server.listen({ host, port }, resolve);
  });
  const { address, port: taken } = server.address() as AddressInfo;
  const name = address === '127.0.0.1' ? 'localhost' : isIPv6(address) ? `[${address}]` : address;
  return `http://${name}:${taken}`;
}

function translate(error: NodeJS.ErrnoException, host: string, port: number): ListenError {
  const [problem, advice] = problems[error.code ?? ''] ?? [error.message, 'check both options'];
  const message = `cannot listen on --port ${port} of --host ${host}: ${problem}; ${advice}`;
  return new ListenError(message, { cause: error });
}

const problems: Record<string, readonly [problem: string, advice: string]> = {
  EADDRINUSE: ['the port is in use', 'choose another port, or 0 for any that is free'],
  EACCES: ['this user may not take the port', 'choose a port from 1024 to 65535, or 0 for any that is free'],
  EADDRNOTAVAIL: ['the host is no address of this machine', 'choose one of its own, or 0.0.0.0 for all'],
  ENOTFOUND: ['the host is not known', 'choose an address of this machine, or 0.0.0.0 for all'],
};
