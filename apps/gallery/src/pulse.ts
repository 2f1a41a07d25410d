import { every } from './every.ts';

/** Whether Kafka answers, also while nobody looks. */
export interface Pulse {
  /** In plain words; undefined where it answers. */
  problem(): string | undefined;
}

const askMs = 3000;

/** An answer that is longer overdue is missed. */
const silentMs = 5000;

/** @param ask anything, until `signal` is aborted */
export function createPulse(ask: () => Promise<void>, signal: AbortSignal): Pulse {
  let askedAt: number | undefined;
  void every(askMs, signal, async () => {
    askedAt ??= performance.now();
    await ask().then(
      () => (askedAt = undefined),
      // It is asked again.
      () => {},
    );
  });
  return {
    problem() {
      const silence = performance.now() - (askedAt ?? Number.POSITIVE_INFINITY);
      return silence > silentMs ? `no answer from Kafka for ${Math.round(silence / 1000)} s` : undefined;
    },
  };
}
