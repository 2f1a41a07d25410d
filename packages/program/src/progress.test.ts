import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createProgress } from './progress.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A run of a progress display: what it wrote and what it logged. */
function show({ isTTY, quiet = false, columns = 80 }: { isTTY: boolean; quiet?: boolean; columns?: number }) {
  const written: string[] = [];
  const logged: string[] = [];
  const output = { isTTY, columns, write: (text: string) => written.push(text) };
  const progress = createProgress(output as unknown as NodeJS.WriteStream, quiet);
  let count = 0;
  progress.start(() => `${++count} of 9 images`, { info: (line: unknown) => logged.push(String(line)) });
  return { progress, written, logged };
}

const clear = '\r\u001B[2K';

describe('on a terminal', () => {
  test('one line is drawn again and again, and gone in the end', () => {
    const { progress, written, logged } = show({ isTTY: true });
    vi.advanceTimersByTime(400);
    progress.stop();
    vi.advanceTimersByTime(60_000);
    expect(written).toEqual([`${clear}1 of 9 images`, `${clear}2 of 9 images`, clear]);
    expect(logged).toEqual([]);
  });

  test('a terminal of unknown width shows the whole line', () => {
    const { written } = show({ isTTY: true, columns: 0 });
    vi.advanceTimersByTime(200);
    expect(written).toEqual([`${clear}1 of 9 images`]);
  });

  test('a log line stands above it', () => {
    const { progress, written } = show({ isTTY: true });
    progress.write('before\n');
    vi.advanceTimersByTime(200);
    progress.write('a line\n');
    progress.stop();
    progress.write('after\n');
    expect(written).toEqual([
      'before\n',
      `${clear}1 of 9 images`,
      `${clear}a line\n1 of 9 images`,
      clear,
      'after\n',
    ]);
  });

  test('it never wraps', () => {
    const { written } = show({ isTTY: true, columns: 6 });
    vi.advanceTimersByTime(200);
    expect(written).toEqual([`${clear}1 of `]);
  });

  test('quiet: nothing is drawn', () => {
    const { progress, written } = show({ isTTY: true, quiet: true });
    vi.advanceTimersByTime(5_000);
    progress.stop();
    expect(written).toEqual([]);
  });
});

describe('elsewhere', () => {
  test('it is logged every ten seconds until it stops', () => {
    const { progress, written, logged } = show({ isTTY: false });
    vi.advanceTimersByTime(20_000);
    progress.stop();
    vi.advanceTimersByTime(60_000);
    expect(logged).toEqual(['1 of 9 images', '2 of 9 images']);
    expect(written).toEqual([]);
  });

  test('what has not changed is logged once', () => {
    const logged: unknown[] = [];
    const output = { isTTY: false } as unknown as NodeJS.WriteStream;
    let line = 'waiting';
    const progress = createProgress(output, false);
    progress.start(() => line, { info: (text: unknown) => logged.push(text) });
    vi.advanceTimersByTime(60_000);
    line = '1 image';
    vi.advanceTimersByTime(10_000);
    line = 'waiting';
    vi.advanceTimersByTime(60_000);
    progress.stop();
    expect(logged).toEqual(['waiting', '1 image', 'waiting']);
  });

  test('lines pass as they are', () => {
    const { progress, written } = show({ isTTY: false });
    vi.advanceTimersByTime(200);
    progress.write('a line\n');
    expect(written).toEqual(['a line\n']);
  });
});
