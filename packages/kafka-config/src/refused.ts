import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A healthy cluster has answered by then; it is not bothered with connections that say nothing. */
const patienceMs = 500;

/** A broker that has just been restarted may take a moment to listen. */
const refusedMs = 1200;
const intervalMs = 250;

/** What the system says where there is nobody: no program at that port, or no such host. */
const nobody = new Set(['ECONNREFUSED', 'ENOTFOUND']);

/**
 * Waits until every server has refused connections for more than a second. One that accepts a connection, or says nothing, may be slow:
 * then this waits for ever, and the client decides; so it does once `signal` is aborted.
 *
 * @returns what one of them said
 */
export async function untilRefused(servers: readonly string[], signal: AbortSignal): Promise<Error> {
  const started = performance.now();
  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal }).catch(() => {});
  await pause(patienceMs);
  for (;;) {
    const [first, ...others] = await Promise.all(servers.map((server) => answerOf(server, signal)));
    if (first === undefined || others.includes(undefined)) {
      return await new Promise<never>(() => {});
    }
    if (performance.now() - started >= refusedMs) {
      return first;
    }
    await pause(intervalMs);
  }
}

/** Why nobody is there; undefined where somebody may be, and once `signal` is aborted. */
function answerOf(server: string, signal: AbortSignal): Promise<Error | undefined> {
  const [, host, port] = /^\[?(.+?)\]?:(\d+)$/.exec(server) ?? [];
  return new Promise((resolve) => {
    const socket = connect({ host: host!, port: Number(port), signal });
    // Long enough for a refusal from anywhere; what takes longer is no refusal.
    socket.setTimeout(refusedMs);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const all = error instanceof AggregateError ? (error.errors as NodeJS.ErrnoException[]) : [error];
      resolve(all.every(({ code = '' }) => nobody.has(code)) ? all[0] : undefined);
    });
    const somebody = (): void => {
      socket.destroy();
      resolve(undefined);
    };
    socket.on('connect', somebody).on('timeout', somebody);
  });
}
