/** How many of something: `1 image`, `2 images`. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** Bytes in decimal units, as disks and networks are measured. */
export function formatBytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = count < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  return `${(count / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

const lengths = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
] as const;

/** A length of time, in its two largest units: `2 d 3 h`, `4 min 5 s`, `6 s`. */
export function formatSeconds(seconds: number): string {
  const parts: string[] = [];
  let rest = Math.round(seconds);
  for (const [unit, length] of lengths) {
    if (rest >= length) {
      parts.push(`${Math.floor(rest / length)} ${unit}`);
    }
    rest %= length;
  }
  if (rest > 0 || parts.length === 0) {
    parts.push(`${rest} s`);
  }
  return parts.slice(0, 2).join(' ');
}
