import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readDirectory } from './index.ts';

test('the files in the places of images are listed, links as well and not followed', async () => {
  const output = mkdtempSync(join(tmpdir(), 'walk-'));
  onTestFinished(() => rmSync(output, { recursive: true }));
  const put = (...path: string[]): void => {
    mkdirSync(join(output, ...path.slice(0, -1)), { recursive: true });
    writeFileSync(join(output, ...path), '');
  };
  put('customer=a', 'date=2026-01-01', 'one.png');
  put('customer=a', 'date=2026-01-02', 'two.png');
  put('customer=b', 'date=2026-01-01', '.hidden');
  put('customer=b', 'date=2026-01-01', 'folder', 'deeper.png');
  put('.tmp', 'unfinished');
  put('notes.txt');
  put('customer=a', 'notes.txt');
  put('elsewhere', 'date=2026-01-01', 'three.png');
  symlinkSync(join(output, 'elsewhere'), join(output, 'customer=link'));
  symlinkSync('one.png', join(output, 'customer=a', 'date=2026-01-01', 'link.png'));

  const paths = [];
  for await (const { key } of readDirectory(output).list()) {
    paths.push(key);
  }
  expect(paths.toSorted()).toEqual([
    'customer=a/date=2026-01-01/link.png',
    'customer=a/date=2026-01-01/one.png',
    'customer=a/date=2026-01-02/two.png',
    'customer=b/date=2026-01-01/.hidden',
  ]);
});
