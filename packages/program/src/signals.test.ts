import { once } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { abortOnSignals } from './signals.ts';

const names = ['SIGINT', 'SIGTERM'] as const;
const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
let before: Map<NodeJS.Signals, NodeJS.SignalsListener[]>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  before = new Map(names.map((name) => [name, process.listeners(name)]));
});
afterEach(() => {
  vi.useRealTimers();
  exit.mockClear();
  for (const [name, listeners] of before) {
    process
      .listeners(name)
      .filter((listener) => !listeners.includes(listener))
      .forEach((listener) => process.off(name, listener));
  }
});

/** Sends to what listens since the test began. */
function send(name: NodeJS.Signals): void {
  process
    .listeners(name)
    .filter((listener) => !before.get(name)!.includes(listener))
    .forEach((listener) => listener(name));
}

test.each(names)('the first %s aborts and says so', (name) => {
  const told: string[] = [];
  const signal = abortOnSignals((received) => told.push(received));
  expect(signal.aborted).toBe(false);
  send(name);
  expect(signal.aborted).toBe(true);
  expect(told).toEqual([name]);
  expect(exit).not.toHaveBeenCalled();
});

test('a second one within half a second is the same one', () => {
  const told: string[] = [];
  abortOnSignals((received) => told.push(received));
  send('SIGINT');
  vi.advanceTimersByTime(500);
  send('SIGTERM');
  expect(told).toEqual(['SIGINT']);
  expect(exit).not.toHaveBeenCalled();
});

test('a second one after half a second leaves at once', () => {
  abortOnSignals(() => {});
  send('SIGTERM');
  vi.advanceTimersByTime(501);
  send('SIGINT');
  expect(exit).toHaveBeenCalledExactlyOnceWith(130);
});

test('as many may listen as wait at once, without a warning of Node', async () => {
  const signal = abortOnSignals(() => {});
  const waiting = Array.from({ length: 100 }, () => once(signal, 'abort'));
  send('SIGTERM');
  expect(await Promise.all(waiting)).toHaveLength(100);
});
