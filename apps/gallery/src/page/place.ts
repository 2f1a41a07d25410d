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
  const [, hours, minutes, seconds = '0'] = /^(\d{1,2}):(\d\d)(?::(\d\d))?$/.exec(text) ?? [];
  if (hours !== undefined) {
    return new Date(now).setHours(Number(hours), Number(minutes), Number(seconds), 0);
  }
  const [, day, clock = '00:00'] =
    /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:\d\d)?))?$/.exec(text) ?? [];
  return day === undefined ? Number.NaN : Date.parse(`${day}T${clock}`);
}
