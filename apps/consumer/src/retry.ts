import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@image-stream/program';
import type { Monitor } from './monitor/monitor.ts';

export interface RetryOptions {
  /** Whether an error goes away by itself, or when somebody makes room or gives a permission. */
  readonly isTransient: (error: unknown) => boolean;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  readonly logger: Pick<Logger, 'info' | 'error'>;
  readonly monitor: Pick<Monitor, 'stalled' | 'resumed'>;
}

/** Runs work until no transient error is in its way, with growing pauses. */
export interface Retry {
  /** @throws what `work` throws where that is not transient, or when it is time to stop */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** How long anything has waited so far, in milliseconds. */
  pausedMs(): number;
  /** Waits no longer, whatever may go away: something else has ended the run. */
  end(): void;
}

const firstBackoffMs = 500;
const maxBackoffMs = 10_000;

/** How often to say that it still waits. */
const repeatMs = 30_000;

/** Of many pieces of work that wait for the same, one line tells. */
export function createRetry({ isTransient, signal: stopping, logger, monitor }: RetryOptions): Retry {
  const ending = new AbortController();
  const signal = AbortSignal.any([stopping, ending.signal]);
  // Each image that waits listens to it.
  setMaxListeners(0, signal);
  let waiting = 0;
  let stalledAt = 0;
  /** In pauses that are over. */
  let pausedMs = 0;
  let toldAt = Number.NEGATIVE_INFINITY;

  function tell(error: Error): void {
    monitor.stalled(error.message);
    const now = performance.now();
    if (now - toldAt > repeatMs) {
      toldAt = now;
      logger.error(
        `paused: ${error.message}. Retrying until it clears; nothing is skipped or committed meanwhile`,
      );
    }
  }

  function isOver(error: unknown): boolean {
    return !isTransient(error) || signal.aborted;
  }

  async function retried<T>(work: () => Promise<T>, first: Error): Promise<T> {
    stalledAt = waiting === 0 ? performance.now() : stalledAt;
    waiting += 1;
    tell(first);
    try {
      for (let backoffMs = firstBackoffMs; ; backoffMs = Math.min(2 * backoffMs, maxBackoffMs)) {
        await sleep(backoffMs, undefined, { signal }).catch(() => {});
        try {
          return await work();
        } catch (error) {
          if (isOver(error)) {
            throw error;
          }
          tell(error as Error);
        }
      }
    } finally {
      waiting -= 1;
      if (waiting === 0) {
        const pauseMs = performance.now() - stalledAt;
        pausedMs += pauseMs;
        if (!signal.aborted) {
          monitor.resumed();
          toldAt = Number.NEGATIVE_INFINITY;
          logger.info(`resumed after a pause of ${Math.round(pauseMs / 1000)} s`);
        }
      }
    }
  }

  return {
    async run(work) {
      try {
        return await work();
      } catch (error) {
        if (isOver(error)) {
          throw error;
        }
        return retried(work, error as Error);
      }
    },
    end: () => ending.abort(),
    pausedMs: () => pausedMs + (waiting === 0 ? 0 : performance.now() - stalledAt),
  };
}
