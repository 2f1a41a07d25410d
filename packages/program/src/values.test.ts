import { describe, expect, test } from 'vitest';
import {
  bytes,
  directory,
  duration,
  integer,
  integers,
  moment,
  nonEmpty,
  positiveNumber,
  timeZone,
} from './values.ts';

describe('integer', () => {
  const parse = integer('--width', 1, 65_535);

  test.each([
    ['1', 1],
    ['65535', 65_535],
    ['007', 7],
    ['+5', 5],
    [' 5\n', 5],
  ])('%j is %d', (text, value) => {
    expect(parse(text)).toBe(value);
  });

  test.each([
    '',
    ' ',
    '0',
    '-1',
    '65536',
    '1.5',
    '1e3',
    '0x10',
    '10k',
    '1_000',
    '1 2',
    'x',
    'NaN',
    'Infinity',
  ])('%j is refused', (text) => {
    expect(() => parse(text)).toThrow(`--width must be a whole number, from 1 to 65535, not '${text}'`);
  });

  test('a number that cannot be counted to is refused', () => {
    expect(() => integer('--num-messages', 1)('9007199254740993')).toThrow('1 or more');
  });
});

describe('duration', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['2 h', 7_200_000],
    ['7d', 604_800_000],
  ])('%j is %d ms', (text, value) => {
    expect(duration('--chunk-timeout')(text)).toBe(value);
  });

  test.each(['', '0s', '10', '-1s', '1w', 's', '1e3s'])('%j is refused', (text) => {
    expect(() => duration('--chunk-timeout')(text)).toThrow(
      `--chunk-timeout must be a length of time such as 30s, 10m or 2h, not '${text}'`,
    );
  });
});

describe('moment', () => {
  test.each([
    ['2026-11-24', '2026-11-24T00:00:00.000Z'],
    [' 2026-11-24\n', '2026-11-24T00:00:00.000Z'],
    ['2026-11-24T08:00:00Z', '2026-11-24T08:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['2026-11-24T08:00+02:00', '2026-11-24T06:00:00.000Z'],
  ])('%j is %s', (text, value) => {
    expect(moment('--since')(text).toISOString()).toBe(value);
  });

  test('a length of time is so long ago', () => {
    const ago = Date.now() - moment('--since')('2h').getTime();
    expect(ago).toBeGreaterThanOrEqual(7_200_000);
    expect(ago).toBeLessThan(7_260_000);
  });

  // Without a zone, a time would mean something else on each machine.
  test.each([
    ...['', 'yesterday', '2026-13-01', '2026-11-24T08:00', '12'],
    // JavaScript takes them for times of the day after.
    ...['2026-02-30', '2025-02-29T08:00:00Z', '2026-11-31T08:00+02:00', '2026-11-24T24:00:00Z'],
  ])('%j is refused', (text) => {
    expect(() => moment('--since')(text)).toThrow('--since must be a time such as');
  });
});

describe('integers', () => {
  test.each([
    ['0', [0]],
    ['0,3,12', [0, 3, 12]],
    [' 0, 3 ', [0, 3]],
  ])('%j is %j', (text, value) => {
    expect(integers('--partition')(text)).toEqual(value);
  });

  test.each(['', 'x', '-1', '1,', '1 2', '1.5'])('%j is refused', (text) => {
    expect(() => integers('--partition')(text)).toThrow('--partition must be one or more whole numbers');
  });
});

describe('positiveNumber', () => {
  const parse = positiveNumber('--rate');

  test.each([
    ['1', 1],
    ['0.5', 0.5],
    ['.5', 0.5],
    ['1e3', 1000],
    [' 5', 5],
  ])('%j is %d', (text, value) => {
    expect(parse(text)).toBe(value);
  });

  test.each(['', ' ', '0', '-1', '0x10', '10k', '1_000', 'x', 'NaN', 'Infinity', '1e999', '.', '1/2'])(
    '%j is refused',
    (text) => {
      expect(() => parse(text)).toThrow(`--rate must be a number greater than 0, not '${text}'`);
    },
  );
});

describe('bytes', () => {
  const parse = bytes('--max-image-bytes');

  test.each([
    ['1', 1],
    ['67108864', 67_108_864],
    ['500k', 512_000],
    ['64MiB', 67_108_864],
    ['64 mb', 67_108_864],
    ['4g', 4_294_967_296],
  ])('%j is %d', (text, value) => {
    expect(parse(text)).toBe(value);
  });

  test.each(['', '0', '-1', '1.5g', 'g', '4t', '4gg', '9007199254740993', '9999999999g'])(
    '%j is refused',
    (text) => {
      expect(() => parse(text)).toThrow(
        `--max-image-bytes must be a number of bytes such as 67108864, 64MiB or 4g, not '${text}'`,
      );
    },
  );
});

describe('directory', () => {
  test.each(['output', '/data/images', 's3:bucket', 'a//b', 'C:/images', '://b'])('%s', (text) => {
    expect(directory('--output-directory')(text)).toBe(text);
  });

  test.each(['s3://bucket/images', 'file:///data', 'S3A://b', 'gs://b'])('%s is refused', (text) => {
    expect(() => directory('--output-directory')(text)).toThrow(
      `--output-directory must be the path of a directory, not the URL '${text}'`,
    );
  });

  test('nothing is refused', () => {
    expect(() => directory('--output-directory')('')).toThrow('--output-directory must not be empty');
  });
});

test('nonEmpty', () => {
  expect(nonEmpty('--customer-id')(' ')).toBe(' ');
  expect(() => nonEmpty('--customer-id')('')).toThrow('--customer-id must not be empty');
});

describe('timeZone', () => {
  const parse = timeZone('--time-zone');

  test.each([
    ['UTC', 'UTC'],
    ['utc', 'UTC'],
    ['Europe/Berlin', 'Europe/Berlin'],
    ['europe/berlin', 'Europe/Berlin'],
  ])('%j is %s', (text, zone) => {
    expect(parse(text)).toBe(zone);
  });

  test.each(['', 'Berlin', 'Europe/Nowhere', 'local'])('%j is refused', (text) => {
    expect(() => parse(text)).toThrow(
      `--time-zone must be an IANA time zone such as UTC or Europe/Berlin, not '${text}'`,
    );
  });
});
