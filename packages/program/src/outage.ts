import { formatSeconds } from './format.ts';
import type { Logger } from './log.ts';

/** One thing that can be out of order for a while. */
export interface OutageLog {
  /** It is out of order, or still is; may be said as often as it is noticed. */
  failed(reason: string): void;
  /** It is in order; may be said at any time. */
  over(): void;
}

/** After how long to say again that it is still out of order, in milliseconds; the last one repeats. */
const repeatMs = [10_000, 30_000, 60_000, 300_000];

/**
 * Logs an outage once, then at growing intervals, and finally that it is over.
 *
 * @param recovered what is true again, such as `the group is reached again`
 */
export function createOutageLog(logger: Pick<Logger, 'info' | 'warn'>, recovered: string): OutageLog {
  let since: number | undefined;
  let nextAt = 0;
  let told = 0;

  return {
    failed(reason) {
      const now = performance.now();
      since ??= now;
      if (now < nextAt) {
        return;
      }
      const lasting = told === 0 ? '' : ` (for ${formatSeconds((now - since) / 1000)})`;
      logger.warn(`${reason}${lasting}`);
      nextAt = now + repeatMs[Math.min(told, repeatMs.length - 1)]!;
      told += 1;
    },
    over() {
      if (since === undefined) {
        return;
      }
      logger.info(`${recovered}, after ${formatSeconds((performance.now() - since) / 1000)}`);
      since = undefined;
      nextAt = 0;
      told = 0;
    },
  };
}
