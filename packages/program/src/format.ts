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

/** A text that strangers chose, such as the name of a file, as one line that commands no terminal: control characters become escapes. */
export function oneLine(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
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
