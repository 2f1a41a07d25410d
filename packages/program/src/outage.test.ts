import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createOutageLog } from './outage.ts';
import type { OutageLog } from './outage.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

function outageLog(): { outage: OutageLog; lines: string[] } {
  const lines: string[] = [];
  const logger = {
    info: (line: string) => lines.push(`info: ${line}`),
    warn: (line: string) => lines.push(`warn: ${line}`),
  };
  return { outage: createOutageLog(logger as never, 'records come again'), lines };
}

/** An outage that is noticed several times a second, as long as it lasts. */
function last(outage: OutageLog, seconds: number): void {
  for (let noticed = 0; noticed < 4 * seconds; noticed += 1) {
    outage.failed('nothing comes');
    vi.advanceTimersByTime(250);
  }
}

test('an outage is said once, then at growing intervals, then that it is over', () => {
  const { outage, lines } = outageLog();
  last(outage, 1000);
  outage.over();
  expect(lines).toEqual([
    'warn: nothing comes',
    'warn: nothing comes (for 10 s)',
    'warn: nothing comes (for 40 s)',
    'warn: nothing comes (for 1 min 40 s)',
    'warn: nothing comes (for 6 min 40 s)',
    'warn: nothing comes (for 11 min 40 s)',
    'info: records come again, after 16 min 40 s',
  ]);
});

test('what was never out of order, or is in order again, is not said', () => {
  const { outage, lines } = outageLog();
  outage.over();
  last(outage, 1);
  outage.over();
  outage.over();
  expect(lines).toEqual(['warn: nothing comes', 'info: records come again, after 1 s']);
});

test('the next outage is said at once', () => {
  const { outage, lines } = outageLog();
  last(outage, 60);
  outage.over();
  lines.length = 0;
  last(outage, 5);
  expect(lines).toEqual(['warn: nothing comes']);
});
