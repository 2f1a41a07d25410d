import { CodecError } from './errors.ts';
import type { ReceivedRecord } from './record.ts';
import { toText } from './text.ts';

export type Headers = NonNullable<ReceivedRecord['headers']>;

/** Longer values are never needed, and a stranger's headers are kept in memory. */
const maxHeaderBytes = 65_536;

/** A header's value as text; undefined where there is none. @throws CodecError where it is too long or no UTF-8 */
export function headerText(headers: Headers, name: string): string | undefined {
  const value = lastHeaderValue(headers, name);
  if (value === undefined || typeof value === 'string') {
    return value;
  }
  if (value.length > maxHeaderBytes) {
    throw new CodecError(
      'LIMIT_EXCEEDED',
      `header ${name} of ${value.length} bytes exceeds the limit of ${maxHeaderBytes}`,
    );
  }
  const text = toText(value);
  if (text === undefined) {
    throw new CodecError('MALFORMED_RECORD', `header ${name} is not UTF-8`);
  }
  return text;
}

/** A header's value; undefined where there is none or it is null. Where a name is repeated, the last one counts. */
export function lastHeaderValue(
  headers: NonNullable<ReceivedRecord['headers']>,
  name: string,
): Uint8Array | string | undefined {
  const values = Object.hasOwn(headers, name) ? [headers[name]].flat() : [];
  return values.at(-1) ?? undefined;
}
