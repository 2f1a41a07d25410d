const unitMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Where a reader wants to go, as the server knows it: the last time that a clock showed so, a day, a date with a time, how long ago, or
 * an offset with or without its partition; undefined for anything else. Times are the reader's own.
 */
export function placeOf(text: string, now = new Date()): string | undefined {
  const wanted = text.trim();
  const [, partition, offset] = /^(?:(\d{1,9})?@)?(\d{1,18})$/.exec(wanted) ?? [];
  if (offset !== undefined) {
    return `${partition ?? 'all'}@${offset}`;
  }
  const time = timeOf(wanted, now);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** A place in words; of a time, always with its date. */
export function placeInWords(place: string): string {
  const time = new Date(place);
  return /^\d{4}-/.test(place) && !Number.isNaN(time.getTime())
    ? time.toLocaleString(undefined, { dateStyle: 'full', timeStyle: 'medium' })
    : place.replace(/^all@/, '@');
}

function timeOf(text: string, now: Date): number {
  const [, amount, unit = ''] = /^(\d{1,6}(?:\.\d+)?)\s*([smhd])$/.exec(text) ?? [];
  if (amount !== undefined) {
    return now.getTime() - Number(amount) * unitMs[unit]!;
  }
  const [, hours, minutes, seconds = '0'] = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(text) ?? [];
  if (hours !== undefined) {
    const time = new Date(now);
    time.setHours(Number(hours), Number(minutes), Number(seconds), 0);
    // What is still to come today was yesterday last.
    return time > now ? time.setDate(time.getDate() - 1) : time.getTime();
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
