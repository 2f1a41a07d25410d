import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

test('the benchmark moves noise with this project and reports every figure', () => {
  const folder = mkdtempSync(join(tmpdir(), 'image-stream-bench-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const output = join(folder, 'RESULTS.md');
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const options = ['--quick', '--rounds', '1', '--only', 'noise', '--without-peers', '--output', output];

  execFileSync(process.execPath, [main, ...options], { stdio: 'ignore' });

  const rows = readFileSync(output, 'utf8')
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([, name]) => name === 'image-stream');
  // One for each side: images, images/s, times, MB/s, CPU, bytes, memory, first image.
  expect(rows).toHaveLength(2);
  for (const [, , images, ...figures] of rows) {
    expect(images).toBe('12');
    const values = figures.slice(0, -1).map((text) => Number.parseFloat(text));
    expect(values).toHaveLength(7);
    expect(values.every((value) => value > 0)).toBe(true);
  }
});
