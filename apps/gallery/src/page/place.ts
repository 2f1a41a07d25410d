const unitMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Where a reader wants to go, as the server's query: a clock time of today, a day, a date with a time, how long ago, or an
 * offset with or without its partition; undefined for anything else. Times are the reader's own.
 */
export function queryOf(text: string, now = new Date()): string | undefined {
  const wanted = text.trim();
  const [, partition, offset] = /^(?:(\d{1,9})?@)?(\d{1,18})$/.exec(wanted) ?? [];
  if (offset !== undefined) {
    return `from=${partition ?? 'all'}@${offset}`;
  }
  const time = timeOf(wanted, now);
  return Number.isNaN(time) ? undefined : `time=${encodeURIComponent(new Date(time).toISOString())}`;
}

function timeOf(text: string, now: Date): number {
  const [, amount, unit = ''] = /^(\d{1,6}(?:\.\d+)?)\s*([smhd])$/.exec(text) ?? [];
  if (amount !== undefined) {
    return now.getTime() - Number(amount) * unitMs[unit]!;
  }
  const [, hours, minutes, seconds = '0'] = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(text) ?? [];
  if (hours !== undefined) {
    return new Date(now).setHours(Number(hours), Number(minutes), Number(seconds), 0);
  }
  const [, day, clock = '00:00'] =
    /^(\d{4}-\d\d-\d\d)(?:[Tt ]((?:[01]\d|2[0-3]):\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:\d\d)?))?$/.exec(
      text,
    ) ?? [];
  return day !== undefined && isDay(day) ? Date.parse(`${day}T${clock}`) : Number.NaN;
}

/** Whether the month has that day; `Date.parse` takes February 30 for a day of March. */
function isDay(text: string): boolean {
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
