import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

// Nine processes and a broker, which take long where other tests keep the processors busy.
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
  // One for each side: images, images/s, times as fast, MB/s, CPU, bytes, memory, one image. And one for both: images/s.
  expect(rows).toHaveLength(3);
  const [, , both] = rows.pop()!;
  // So few images may take less time than the start varies by, of which the report says that it is not known.
  expect(both).toMatch(/^([\d.]+|\?)$/);
  for (const [, , images, , , , , bytes, memory] of rows) {
    expect(images).toBe('12');
    expect(Number(bytes)).toBeGreaterThan(1080 * 1920 * 3);
    expect(memory).toMatch(/^\d+ MiB$/);
  }
}, 240_000);
