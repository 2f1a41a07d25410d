import { CodecError } from './errors.ts';

/** Keeps a byte order mark: without it, two distinct ids would be one. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Drops it: some writers put one before their JSON, where it means nothing. */
const utf8WithMark = new TextDecoder('utf-8', { fatal: true });

/** UTF-8 text, or undefined where the bytes are not. */
export function toText(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** An object from JSON, or undefined where the bytes hold none. */
export function toJsonObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(utf8WithMark.decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Bytes from base64. Node skips characters that do not belong there; a damaged image must not pass. */
export function fromBase64(name: string, text: unknown): Buffer {
  if (typeof text !== 'string') {
    throw new CodecError('MALFORMED_RECORD', `'${name}' must be a base64 string, not ${describe(text)}`);
  }
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== Buffer.byteLength(text, 'base64')) {
    throw new CodecError('MALFORMED_RECORD', `'${name}' is not valid base64`);
  }
  return bytes;
}

/** How many of something: `1 byte`, `2 bytes`. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** A value of a stranger's JSON, short enough for an error message. */
export function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}

/** A time that a date in the years 1 to 9999 can show. */
export function toTime(name: string, milliseconds: number, shown: unknown): Date {
  const time = new Date(milliseconds);
  const year = time.getUTCFullYear();
  if (!(year >= 1 && year <= 9999)) {
    throw new CodecError(
      'MALFORMED_RECORD',
      `${name} ${describe(shown)} is not a time in the years 1 to 9999`,
    );
  }
  return time;
}
