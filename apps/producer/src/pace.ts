import { setTimeout as sleep } from 'node:timers/promises';

/** What bounds a source. */
export interface Pace {
  /** How many to take; undefined takes all. */
  readonly limit: number | undefined;
  /** How many a second at most; undefined takes them as they come. */
  readonly rate: number | undefined;
  /** Ends the source early. */
  readonly signal: AbortSignal;
}

/** The items of a source, so many at most and at a rate. */
export async function* paced<T>(
  items: AsyncIterable<T> | Iterable<T>,
  { limit = Number.POSITIVE_INFINITY, rate, signal }: Pace,
): AsyncGenerator<T> {
  const started = performance.now();
  let taken = 0;
  for await (const item of items) {
    const isTime = rate === undefined || (await waitUntil(started + (taken * 1000) / rate, signal));
    if (!isTime || signal.aborted) {
      return;
    }
    yield item;
    taken += 1;
    if (taken >= limit) {
      return;
    }
  }
}

/** @returns false when `signal` aborted the wait */
async function waitUntil(time: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(Math.max(0, time - performance.now()), undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
