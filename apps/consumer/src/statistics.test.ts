import { expect, onTestFinished, test, vi } from 'vitest';
import { silentMonitor } from './monitor/monitor.ts';
import { createStatistics } from './statistics.ts';
import type { StatisticsOptions } from './statistics.ts';

/** Statistics, what is shown of them, and what is logged. */
function show(options: Pick<StatisticsOptions, 'limit' | 'records'>) {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const logged: string[] = [];
  let describeNow = (): string => '';
  let isIdle = true;
  const statistics = createStatistics({
    ...options,
    hasShards: false,
    isIdle: () => isIdle,
    logger: { info: (line: unknown) => void logged.push(String(line)) },
    progress: { start: (describe) => void (describeNow = describe) },
    monitor: silentMonitor,
  });
  const save = (): void => {
    statistics.came();
    statistics.accepted();
    statistics.saved('written', 5, { wireBytes: 5, timestamp: '0' });
  };
  return { statistics, save, logged, shown: () => describeNow(), work: (now: boolean) => (isIdle = !now) };
}

test('that nothing comes is said once it has been so for a while, and nothing is in work', () => {
  const { save, shown, work } = show({ limit: undefined, records: undefined });
  expect(shown()).toBe('saved 0 images, 0 images/s');
  vi.advanceTimersByTime(6000);
  expect(shown()).toBe('waiting for images');
  save();
  expect(shown()).toMatch(/^saved 1 image, /);
  vi.advanceTimersByTime(6000);
  expect(shown()).toBe('waiting for images; saved 1 image so far');
  work(true);
  expect(shown()).toMatch(/^saved 1 image, /);
});

test.each([
  [{ limit: 3, records: undefined }, ['stopped with 2 of 3 images left']],
  [{ limit: undefined, records: 2 }, ['stopped with 1 of 2 records left']],
  [{ limit: 1, records: undefined }, []],
  [{ limit: undefined, records: undefined }, []],
])('of %j, what is left is said', (options, lines) => {
  const { statistics, save, logged } = show(options);
  save();
  statistics.sayWhatIsLeft();
  expect(logged).toEqual(lines);
});
