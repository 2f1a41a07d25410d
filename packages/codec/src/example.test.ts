import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';

test('the example runs', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  await import('../examples/round-trip.ts');
  expect(log).toHaveBeenCalledWith('two-pixels', expect.objectContaining({ shape: [1, 2, 3] }));
});

test('the README shows the example as it is', () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(read('../examples/round-trip.ts').trim());
});
