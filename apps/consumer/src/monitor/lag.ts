import { setTimeout as sleep } from 'node:timers/promises';
import type { Lag } from '@image-stream/kafka-client';

const intervalMs = 5000;

/**
 * Asks for the lag now, and again every five seconds after an answer, until `signal` is aborted.
 *
 * @param tell is given nothing when there was no answer: no figure is better than one that is no longer true
 */
export async function followLag(
  read: () => Promise<Lag>,
  tell: (lag: Lag) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    tell(await read().catch(() => new Map()));
    await sleep(intervalMs, undefined, { signal, ref: false }).catch(() => {});
  }
}
