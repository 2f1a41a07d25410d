import { UsageError } from './errors.ts';

/*
 * What option values may be. Each takes the option's name and gives a `coerce`, which returns the text's
 * value or throws a UsageError with the actual and the allowed value. Numbers are decimal, without separators, and
 * may have spaces around them, as commands in scripts print them.
 */

/** A whole number from `minimum` to `maximum`. */
export function integer(option: string, minimum: number, maximum = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(value >= minimum && value <= maximum)) {
      const range =
        maximum === Number.MAX_SAFE_INTEGER ? `${minimum} or more` : `from ${minimum} to ${maximum}`;
      throw new UsageError(`${option} must be a whole number, ${range}, not '${text}'`);
    }
    return value;
  };
}

/** A number greater than zero. */
export function positiveNumber(option: string) {
  return (text: string): number => {
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(value > 0 && Number.isFinite(value))) {
      throw new UsageError(`${option} must be a number greater than 0, not '${text}'`);
    }
    return value;
  };
}

const units: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** A number of bytes, as digits or with a unit of 1024: `500k`, `64MiB`, `4g`. */
export function bytes(option: string) {
  return (text: string): number => {
    const [, digits, unit = ''] = /^(\d+)\s*(?:([kmg])(?:i?b)?)?$/i.exec(text.trim()) ?? [];
    const value = Number(digits) * units[unit.toLowerCase()]!;
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new UsageError(
        `${option} must be a number of bytes such as 67108864, 64MiB or 4g, not '${text}'`,
      );
    }
    return value;
  };
}

const milliseconds: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** NaN for what is no length of time. */
function lengthOf(text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  return Number(digits) * milliseconds[unit]!;
}

/** A length of time with its unit, such as `500ms`, `30s`, `10m`, `2h` or `7d`; in milliseconds. */
export function duration(option: string) {
  return (text: string): number => {
    const value = lengthOf(text);
    if (!(value > 0)) {
      throw new UsageError(`${option} must be a length of time such as 30s, 10m or 2h, not '${text}'`);
    }
    return value;
  };
}

/** A moment: RFC 3339 such as `2026-11-24T08:00:00Z`, a day such as `2026-11-24` (UTC), or how long ago: `2h`. */
export function moment(option: string) {
  return (text: string): Date => {
    const [, day] =
      /^(\d{4}-\d\d-\d\d)([Tt ]([01]\d|2[0-3]):\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d))?$/.exec(
        text.trim(),
      ) ?? [];
    const time =
      day === undefined ? Date.now() - lengthOf(text) : isDay(day) ? Date.parse(text.trim()) : Number.NaN;
    if (Number.isNaN(time)) {
      throw new UsageError(
        `${option} must be a time such as 2026-11-24T08:00:00Z, a day such as 2026-11-24, or how long ago, such as 2h, not '${text}'`,
      );
    }
    return new Date(time);
  };
}

/** Whether the month has that day; `Date.parse` takes February 30 for a day of March. */
function isDay(text: string): boolean {
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** Whole numbers of zero or more, separated by commas. */
export function integers(option: string) {
  return (text: string): number[] => {
    if (!/^\s*\d{1,9}\s*(,\s*\d{1,9}\s*)*$/.test(text)) {
      throw new UsageError(`${option} must be one or more whole numbers, such as 0 or 0,3, not '${text}'`);
    }
    return text.split(',').map(Number);
  };
}

/** Columns and rows, such as `1024x768`. */
export function pixelSize(option: string) {
  return (text: string): { width: number; height: number } => {
    const [, width, height] = /^([1-9]\d{0,5})[x×]([1-9]\d{0,5})$/i.exec(text.trim()) ?? [];
    if (width === undefined) {
      throw new UsageError(`${option} must be columns x rows in pixels, such as 1024x768, not '${text}'`);
    }
    return { width: Number(width), height: Number(height) };
  };
}

/** A name that must not be empty. */
export function nonEmpty(option: string) {
  return (text: string): string => {
    if (text === '') {
      throw new UsageError(`${option} must not be empty`);
    }
    return text;
  };
}

/** The path of a directory. A URL is none: taken for a path, it would name a directory `s3:`, in which nobody looks. */
export function directory(option: string) {
  const asText = nonEmpty(option);
  return (text: string): string => {
    if (/^[a-z][a-z\d+.-]*:\/\//i.test(text)) {
      throw new UsageError(`${option} must be the path of a directory, not the URL '${text}'`);
    }
    return asText(text);
  };
}

/** An IANA time zone such as `UTC` or `Europe/Berlin`. */
export function timeZone(option: string) {
  return (text: string): string => {
    try {
      return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
    } catch {
      throw new UsageError(`${option} must be an IANA time zone such as UTC or Europe/Berlin, not '${text}'`);
    }
  };
}
