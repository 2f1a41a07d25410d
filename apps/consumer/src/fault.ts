import { setTimeout as sleep } from 'node:timers/promises';
import { CodecError } from '@image-stream/codec';
import { ImageIoError } from '@image-stream/image-io';
import type { Logger } from '@image-stream/program';
import type { Monitor } from './monitor/monitor.ts';

/** The dead-letter topic cannot be written, whatever the reason; the record waits. */
export class DeadLetterError extends Error {
  override readonly name = 'DeadLetterError';
}

/** True for what a record is to blame for: it would fail again, and elsewhere. */
export function isBadRecord(error: unknown): error is CodecError | ImageIoError {
  return error instanceof CodecError || error instanceof ImageIoError;
}

/** True for what the surroundings are to blame for, such as a full disk: it goes away, and no record must suffer for it. */
export function isFault(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  // The names of errno: ENOSPC, EDQUOT, EROFS, EMFILE, EIO ... Node's own codes begin with ERR_.
  return error instanceof DeadLetterError || (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code));
}

export interface PatienceOptions {
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  readonly logger: Pick<Logger, 'info' | 'error'>;
  readonly monitor: Pick<Monitor, 'stalled' | 'resumed'>;
}

/** Runs work until no fault of the environment is in its way. */
export interface Patience {
  /** @throws what `run` throws where that is no fault, or when it is time to stop */
  retry<T>(run: () => Promise<T>): Promise<T>;
  /** How long anything has waited so far, in milliseconds. */
  pausedMs(): number;
}

const maxBackoffMs = 10_000;

/** How often to say that it still waits. */
const repeatMs = 30_000;

/** Of many pieces of work that wait for the same, one line tells. */
export function createPatience({ signal, logger, monitor }: PatienceOptions): Patience {
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
        `paused, nothing is skipped or committed meanwhile: ${error.message}. It goes on by itself once that is mended`,
      );
    }
  }

  async function waitedOut<T>(run: () => Promise<T>, first: Error): Promise<T> {
    stalledAt = waiting === 0 ? performance.now() : stalledAt;
    waiting += 1;
    tell(first);
    try {
      for (let backoffMs = 500; ; backoffMs = Math.min(2 * backoffMs, maxBackoffMs)) {
        await sleep(backoffMs, undefined, { signal }).catch(() => {});
        try {
          return await run();
        } catch (error) {
          if (!isFault(error) || signal.aborted) {
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
          logger.info(`goes on after a pause of ${Math.round(pauseMs / 1000)} s`);
        }
      }
    }
  }

  return {
    async retry(run) {
      try {
        return await run();
      } catch (error) {
        if (!isFault(error) || signal.aborted) {
          throw error;
        }
        return waitedOut(run, error as Error);
      }
    },
    pausedMs: () => pausedMs + (waiting === 0 ? 0 : performance.now() - stalledAt),
  };
}
