/** What the topics that are shown share: time to make thumbnails, and memory for what waits for its own. */
export interface Allowance {
  /** How many milliseconds may be spent now; less than none where more were. */
  saved(): number;
  spend(ms: number): void;
  /** Of records that wait. */
  waitingBytes: number;
  /** Of chunks whose images are not complete. */
  chunkBytes: number;
}

/**
 * Which share of the time is spent on thumbnails: producers and consumers may run beside the gallery. It is time on the clock, so
 * that a machine that is busy with them makes fewer.
 */
export const share = 0.3;

/** What may be saved up for a burst. */
const maxSavedMs = 1500;

export function createAllowance(): Allowance {
  let savedMs = maxSavedMs;
  let savedAt = performance.now();
  const saved = (): number => {
    const now = performance.now();
    savedMs = Math.min(maxSavedMs, savedMs + (now - savedAt) * share);
    savedAt = now;
    return savedMs;
  };
  return {
    saved,
    spend(ms) {
      savedMs = saved() - ms;
    },
    waitingBytes: 0,
    chunkBytes: 0,
  };
}
