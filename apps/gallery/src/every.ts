import { setTimeout as sleep } from 'node:timers/promises';
import { unlessAborted } from '@image-stream/kafka-client';

/** Again and again until `signal` is aborted, which waits for no answer. @throws what `work` throws */
export async function every(ms: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await unlessAborted(signal, work());
    await sleep(ms, undefined, { signal }).catch(() => {});
  }
}
