import { setTimeout as sleep } from 'node:timers/promises';
import { rootCause } from '@image-stream/kafka-config';
import type { OutageLog } from '@image-stream/program';

const retryMs = 250;

/**
 * Asks again while a partition has no leader: what it holds is not known then, and to leave it out would be to take it for read.
 *
 * @param outage told which partition keeps it waiting
 * @throws what `ask` throws for any other reason, or the reason of the signal
 */
export async function untilLed<T>(ask: () => Promise<T>, outage: OutageLog, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      const answer = await ask();
      outage.over();
      return answer;
    } catch (error) {
      const cause = rootCause(error) as { readonly type?: string; readonly message: string };
      if (cause.type !== 'LEADER_NOT_AVAILABLE') {
        throw error;
      }
      outage.failed(cause.message);
    }
    await sleep(retryMs, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
  }
}
