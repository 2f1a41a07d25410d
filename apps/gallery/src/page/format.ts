import type { Item } from '../messages.ts';

/** What tells an item from all others. */
export function keyOf({ topic, partition, offset }: Item): string {
  return `${topic}/${partition}/${offset}`;
}

/** What a person calls it. */
export function nameOf({ filename = '', id = '', partition, offset }: Item): string {
  return filename.trim() || id.trim() || `${partition}@${offset}`;
}

/** Where something of its picture is; another one where the topic was made anew, so that it can be kept for ever. */
export function addressOf(item: Item, aspect: string): string {
  const { topicId } = item;
  return `${keyOf(item)}/${aspect}${topicId === undefined ? '' : `?topic-id=${encodeURIComponent(topicId)}`}`;
}

/** With a capital letter. */
export function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

/** How many images are in one; undefined for a single one. */
export function framesOf({ frames = 1, type }: Item): string | undefined {
  return frames > 1 ? `${frames} ${type === 'image/tiff' ? 'pages' : 'frames'}` : undefined;
}

/** A text of a record, which may be written from right to left, beside texts of ours. */
export function bdi(text: string): HTMLElement {
  const element = document.createElement('bdi');
  element.textContent = text;
  return element;
}

/** Bytes in decimal units, as disks and networks are measured. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = count < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  return `${(count / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** A rate or count in four characters or so. */
export function figure(value: number): string {
  if (value >= 10_000) {
    return `${(value / 1000).toFixed(value >= 100_000 ? 0 : 1)}k`;
  }
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
}

/** How long ago, in one unit. */
export function age(timestamp: number, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - timestamp) / 1000));
  const units = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
  ] as const;
  const unit = units.find(([length]) => seconds >= length);
  return unit === undefined
    ? seconds < 2
      ? 'now'
      : `${seconds} s`
    : `${Math.floor(seconds / unit[0])} ${unit[1]}`;
}

/** `image/png` as `PNG`. */
export function typeName(type: string): string {
  return type.startsWith('image/') ? type.slice('image/'.length).toUpperCase() : type;
}

export function dimensions({ width, height }: Item): string | undefined {
  return width === undefined || height === undefined ? undefined : `${width} × ${height}`;
}

/** A moment, to the millisecond, where the reader is. */
export function moment(time: number): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) {
    return String(time);
  }
  const day = date.toLocaleDateString(undefined, { year: 'numeric', month: 'short', day: 'numeric' });
  const clock = date.toLocaleTimeString(undefined, { hour12: false });
  return `${day}, ${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
