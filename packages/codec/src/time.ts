import { originalTimestamp } from './dead-letter.ts';
import { CodecError } from './errors.ts';
import type { DecodedImage } from './image.ts';
import type { ReceivedRecord } from './record.ts';
import { describe } from './text.ts';

/** https://www.rfc-editor.org/rfc/rfc3339#section-5.6 */
const dateTime =
  /^(?<date>(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d))[Tt](?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)(?<fraction>\.\d+)?(?<zone>[Zz]|[+-](?<zoneHour>\d\d):(?<zoneMinute>\d\d))?$/;

const example = '2026-01-02T03:04:05Z';

/**
 * The instant that a date and time of RFC 3339 names, to the millisecond. JavaScript has no leap seconds: 23:59:60 is read
 * as 23:59:59 with the same fraction, so that it stays in its day.
 *
 * @param name of what holds it, for messages
 * @throws CodecError `MALFORMED_RECORD` for any other text, and for days and hours that do not exist
 */
export function parseTime(name: string, text: string): Date {
  const refuse = (reason: string): CodecError =>
    new CodecError('MALFORMED_RECORD', `${name} ${describe(text)} ${reason}`);
  if (text === '') {
    throw new CodecError('MALFORMED_RECORD', `${name} is empty; leave it out, or set it as in ${example}`);
  }
  const parts = dateTime.exec(text)?.groups;
  if (parts === undefined) {
    throw refuse(`is not a date and time of RFC 3339 such as ${example}`);
  }
  if (parts['zone'] === undefined) {
    throw refuse('has no time zone; RFC 3339 needs Z or an offset such as +01:00 at its end');
  }
  const [year, month] = [Number(parts['year']), Number(parts['month'])];
  const assertWithin = (part: string, minimum: number, maximum: number, called = part): void => {
    const value = Number(parts[part] ?? minimum);
    if (value < minimum || value > maximum) {
      throw refuse(`does not exist: the ${called} is ${value}, not ${minimum} to ${maximum}`);
    }
  };
  assertWithin('month', 1, 12);
  assertWithin('day', 1, daysIn(year, month));
  assertWithin('hour', 0, 23);
  assertWithin('minute', 0, 59);
  assertWithin('second', 0, 60);
  assertWithin('zoneHour', 0, 23, 'hour of the offset');
  assertWithin('zoneMinute', 0, 59, 'minute of the offset');

  const isLeapSecond = parts['second'] === '60';
  const second = isLeapSecond ? '59' : parts['second'];
  const { date, hour, minute, fraction = '', zone } = parts;
  const time = Date.parse(`${date}T${hour}:${minute}:${second}${fraction}${zone.toUpperCase()}`);
  if (isLeapSecond && !isLastSecondOfMonth(time)) {
    throw refuse('does not exist: leap seconds are at 23:59:60 UTC on the last day of a month');
  }
  return toTime(name, time, text);
}

function daysIn(year: number, month: number): number {
  const isLeapYear = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return month === 2 ? (isLeapYear ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function isLastSecondOfMonth(time: number): boolean {
  const next = new Date(Math.floor(time / 1000) * 1000 + 1000);
  return next.getUTCDate() === 1 && next.getUTCHours() + next.getUTCMinutes() + next.getUTCSeconds() === 0;
}

/** A time that a date in the years 1 to 9999 can show. */
export function toTime(name: string, milliseconds: number, shown: unknown): Date {
  if (!isInRange(milliseconds)) {
    throw new CodecError(
      'MALFORMED_RECORD',
      `${name} ${describe(shown)} is not a time in the years 1 to 9999`,
    );
  }
  return new Date(milliseconds);
}

/** What Kafka has where a record has no timestamp. */
const noTimestamp = -1;

/**
 * A record's timestamp, of a dead letter the one that it had before. It is 1970-01-01T00:00:00Z where there is none and where it is not in the years 1 to 9999, such
 * as one in microseconds: an image is not refused for what a client or a clock did to its record.
 */
export function recordTime(
  record: Pick<ReceivedRecord, 'headers' | 'timestamp'>,
): Pick<DecodedImage, 'createdAt' | 'remark'> {
  const milliseconds = Number(originalTimestamp(record));
  if (milliseconds !== noTimestamp && isInRange(milliseconds)) {
    return { createdAt: new Date(milliseconds) };
  }
  const createdAt = new Date(0);
  const problem =
    milliseconds === noTimestamp
      ? 'its record has no timestamp'
      : `the timestamp ${originalTimestamp(record)} of its record is not in the years 1 to 9999${inAnotherUnit(milliseconds)}`;
  return { createdAt, remark: `${problem}; the image is dated ${createdAt.toISOString()}` };
}

/** Clients that give Kafka another unit than its milliseconds give a time of these days in that unit. */
function inAnotherUnit(timestamp: number): string {
  const units = { microseconds: 1e3, nanoseconds: 1e6 };
  const unit = Object.entries(units).find(([, factor]) => {
    const year = new Date(timestamp / factor).getUTCFullYear();
    return year >= 1980 && year <= 2100;
  });
  return unit === undefined
    ? ''
    : `, but ${new Date(timestamp / unit[1]).toISOString().slice(0, 19)}Z in ${unit[0]}; Kafka's are milliseconds`;
}

function isInRange(milliseconds: number): boolean {
  const year = new Date(milliseconds).getUTCFullYear();
  return year >= 1 && year <= 9999;
}
