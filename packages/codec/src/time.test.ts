import { describe, expect, test } from 'vitest';
import { decodeRecord } from './index.ts';
import { decodeImage, received } from './records.test-support.ts';

const png = Buffer.from('\x89PNG\r\n\x1a\nthe rest is not looked at here', 'latin1');

function eventAt(ce_time: string | null) {
  const headers = { ce_specversion: '1.0', ce_type: 't', ce_id: 'i', ce_source: '/s', ce_time };
  return received({ headers, value: png });
}

/** A structured event has its time from the same place. */
function structuredAt(time: string) {
  const event = { specversion: '1.0', type: 't', id: 'i', source: '/s', time };
  return received({ value: Buffer.from(JSON.stringify({ ...event, data_base64: png.toString('base64') })) });
}

describe('a time of RFC 3339 is read', () => {
  test.each([
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02t03:04:05.6z', '2026-01-02T03:04:05.600Z'],
    ['2026-01-02T03:04:05.123456789+05:30', '2026-01-01T21:34:05.123Z'],
    ['2026-01-02T03:04:05-00:00', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05+23:59', '2026-01-01T03:05:05.000Z'],
    ['0099-03-04T00:00:00Z', '0099-03-04T00:00:00.000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['2000-02-29T23:59:59Z', '2000-02-29T23:59:59.000Z'],
    // Leap seconds keep to their day.
    ['1990-12-31T23:59:60Z', '1990-12-31T23:59:59.000Z'],
    ['1990-12-31T15:59:60.75-08:00', '1990-12-31T23:59:59.750Z'],
    ['2017-01-01T05:29:60+05:30', '2016-12-31T23:59:59.000Z'],
    ['2012-06-30T23:59:60.9999z', '2012-06-30T23:59:59.999Z'],
    ['9999-12-31T23:59:60Z', '9999-12-31T23:59:59.000Z'],
  ])('%s', async (text, instant) => {
    expect((await decodeImage(eventAt(text))).createdAt.toISOString()).toBe(instant);
    expect((await decodeImage(structuredAt(text))).createdAt.toISOString()).toBe(instant);
  });
});

describe('any other time is refused with a reason that fits', () => {
  const leap = 'does not exist: leap seconds are at 23:59:60 UTC on the last day of a month';
  test.each([
    ['', 'is empty; leave it out, or set it as in 2026-01-02T03:04:05Z'],
    ['2026-01-02T03:04:05', 'has no time zone; RFC 3339 needs Z or an offset'],
    ['2026-01-02T03:04:05.123', 'has no time zone'],
    ['2026-02-30T00:00:00Z', 'does not exist: the day is 30, not 1 to 28'],
    ['2025-02-29T00:00:00Z', 'does not exist: the day is 29, not 1 to 28'],
    ['1900-02-29T00:00:00Z', 'does not exist: the day is 29, not 1 to 28'],
    ['2024-02-30T00:00:00Z', 'does not exist: the day is 30, not 1 to 29'],
    ['2026-04-31T00:00:00Z', 'does not exist: the day is 31, not 1 to 30'],
    ['2026-01-00T00:00:00Z', 'does not exist: the day is 0, not 1 to 31'],
    ['2026-00-01T00:00:00Z', 'does not exist: the month is 0, not 1 to 12'],
    ['2026-13-01T00:00:00Z', 'does not exist: the month is 13, not 1 to 12'],
    ['2026-01-02T24:00:00Z', 'does not exist: the hour is 24, not 0 to 23'],
    ['2026-01-02T03:60:00Z', 'does not exist: the minute is 60, not 0 to 59'],
    ['2026-01-02T03:04:61Z', 'does not exist: the second is 61, not 0 to 60'],
    ['2026-01-02T03:04:05+24:00', 'does not exist: the hour of the offset is 24, not 0 to 23'],
    ['2026-01-02T03:04:05-01:60', 'does not exist: the minute of the offset is 60, not 0 to 59'],
    ['2026-01-02T03:04:60Z', leap],
    ['2016-12-30T23:59:60Z', leap],
    ['2016-12-31T23:59:60+01:00', leap],
    ['2026-01-02', 'is not a date and time of RFC 3339'],
    ['2026-01-02T03:04Z', 'is not a date and time of RFC 3339'],
    ['2026-01-02 03:04:05Z', 'is not a date and time of RFC 3339'],
    ['2026-01-02T03:04:05+0100', 'is not a date and time of RFC 3339'],
    ['2026-01-02T03:04:05,5Z', 'is not a date and time of RFC 3339'],
    ['2026-01-02T03:04:05Z\n', 'is not a date and time of RFC 3339'],
    ['+002026-01-02T03:04:05Z', 'is not a date and time of RFC 3339'],
    ['20260102T030405Z', 'is not a date and time of RFC 3339'],
    ['1767323045', 'is not a date and time of RFC 3339'],
    ['0000-01-01T00:00:00Z', 'is not a time in the years 1 to 9999'],
    ['0001-01-01T00:00:00+00:01', 'is not a time in the years 1 to 9999'],
    ['9999-12-31T23:59:59-00:01', 'is not a time in the years 1 to 9999'],
  ])('%j', async (text, reason) => {
    for (const record of [eventAt(text), structuredAt(text)]) {
      const decoded = decodeRecord(record);
      await expect(decoded).rejects.toThrow(reason);
      await expect(decoded).rejects.toMatchObject({ name: 'CodecError', code: 'MALFORMED_RECORD' });
    }
  });
});

describe('an image whose time is that of its record', () => {
  const epoch = '1970-01-01T00:00:00.000Z';
  test.each([
    ['a time', '1718000000250', '2024-06-10T06:13:20.250Z'],
    ['none', '-1', epoch],
    ['zero', '0', epoch],
    ['one before 1970', '-2', '1969-12-31T23:59:59.998Z'],
    ['microseconds', '1718000000250000', epoch],
    ['the last millisecond of 9999', '253402300799999', '9999-12-31T23:59:59.999Z'],
    ['the first one of 10000', '253402300800000', epoch],
    ['the first that is no date', '8640000000000001', epoch],
    ['the largest one', '9223372036854775807', epoch],
    ['the smallest one', '-9223372036854775808', epoch],
  ])('with %s', async (_case, timestamp, instant) => {
    for (const record of [eventAt(null), received({ value: png })]) {
      expect((await decodeImage({ ...record, timestamp })).createdAt.toISOString()).toBe(instant);
    }
  });
});
