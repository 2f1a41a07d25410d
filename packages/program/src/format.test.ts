import { describe, expect, test } from 'vitest';
import { counted, formatBytes, formatSeconds, oneLine } from './format.ts';

describe('bytes', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [1_000_000, '1.0 MB'],
    [6_220_800, '6.2 MB'],
    [1e9, '1.0 GB'],
    [1e12, '1.0 TB'],
    [1e15, '1000.0 TB'],
  ])('%d is %s', (count, text) => {
    expect(formatBytes(count)).toBe(text);
  });
});

test.each([
  [0, '0 s'],
  [59.6, '1 min'],
  [61, '1 min 1 s'],
  [3600, '1 h'],
  [7380, '2 h 3 min'],
  [604_800, '7 d'],
  [90_061, '1 d 1 h'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

test.each([
  [0, '0 images'],
  [1, '1 image'],
  [2, '2 images'],
])('%d is counted as %s', (count, text) => {
  expect(counted(count, 'image')).toBe(text);
});

test('what strangers named is one line, and commands no terminal', () => {
  expect(oneLine('a\nERROR: b\r\u001b[2J\u0085\u2028\u202ec')).toBe(
    String.raw`a\u000aERROR: b\u000d\u001b[2J\u0085\u2028\u202ec`,
  );
  expect(oneLine('größer 日本 🖼.png')).toBe('größer 日本 🖼.png');
});
