import { describe, expect, test } from 'vitest';
import { bytes, integer, nonEmpty, positiveNumber, timeZone } from './values.ts';

describe('integer', () => {
  const parse = integer('--width', 1, 65_535);

  test.each([
    ['1', 1],
    ['65535', 65_535],
    ['007', 7],
    ['+5', 5],
  ])('%j is %d', (text, value) => {
    expect(parse(text)).toBe(value);
  });

  test.each(['', ' ', '0', '-1', '65536', '1.5', '1e3', '0x10', '1_000', 'x', 'NaN', 'Infinity'])(
    '%j is refused',
    (text) => {
      expect(() => parse(text)).toThrow(`--width must be a whole number, from 1 to 65535, not '${text}'`);
    },
  );

  test('a number that cannot be counted to is refused', () => {
    expect(() => integer('--num-messages', 1)('9007199254740993')).toThrow('1 or more');
  });
});

describe('positiveNumber', () => {
  const parse = positiveNumber('--rate');

  test.each([
    ['1', 1],
    ['0.5', 0.5],
    ['1e3', 1000],
  ])('%j is %d', (text, value) => {
    expect(parse(text)).toBe(value);
  });

  test.each(['', ' ', '0', '-1', 'x', 'NaN', 'Infinity', '1/2'])('%j is refused', (text) => {
    expect(() => parse(text)).toThrow(`--rate must be a number greater than 0, not '${text}'`);
  });
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
