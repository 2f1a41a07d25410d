import { CodecError } from './errors.ts';
import type { HeaderValue, ReceivedRecord } from './record.ts';
import { toText } from './text.ts';

export type Headers = NonNullable<ReceivedRecord['headers']>;

/** Longer values are never needed, and a stranger's headers are kept in memory. */
export const maxHeaderBytes = 65_536;

/** Of an event, these texts may begin and end with quotation marks, since ids are anything. The others never do. */
const freeTexts = /^ce_(?:id|source|customerid|filename|imageid)$/;

/**
 * A header's value as text; undefined where there is none. Spring may write texts as JSON has them, in quotes: those are
 * read without.
 *
 * @throws CodecError where it is too long or no UTF-8
 */
export function headerText(headers: Headers, name: string): string | undefined {
  const text = textAsSent(headers, name);
  const unquoted = text === undefined ? undefined : withoutQuotes(text);
  if (unquoted === undefined || (freeTexts.test(name) && !isQuotedBySender(headers, name))) {
    return text;
  }
  return unquoted;
}

function textAsSent(headers: Headers, name: string): string | undefined {
  const value = lastHeaderValue(headers, name);
  if (value === undefined || typeof value === 'string') {
    return value;
  }
  if (value.length > maxHeaderBytes) {
    throw new CodecError(
      'LIMIT_EXCEEDED',
      `header ${name} of ${value.length} bytes exceeds the limit of ${maxHeaderBytes}, which no option raises`,
    );
  }
  const text = toText(value);
  if (text === undefined) {
    throw new CodecError('MALFORMED_RECORD', `header ${name} is not UTF-8`);
  }
  return text;
}

/** What a JSON string holds; undefined for any other text. */
function withoutQuotes(text: string): string | undefined {
  if (!text.startsWith('"')) {
    return undefined;
  }
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether the quotes around a text are the sender's way of writing texts, and no part of it: its version of CloudEvents, or its
 * list of types, says so. https://docs.spring.io/spring-kafka/reference/kafka/headers.html
 */
function isQuotedBySender(headers: Headers, name: string): boolean {
  if (textAsSent(headers, 'ce_specversion')?.startsWith('"') === true) {
    return true;
  }
  try {
    const types: unknown = JSON.parse(textAsSent(headers, 'spring_json_header_types') ?? '{}');
    return Object.entries(types as object).some(
      ([of, type]) => of.toLowerCase() === name && type === 'java.lang.String',
    );
  } catch {
    return false;
  }
}

/**
 * A header's value; undefined where there is none or it is null. Where a name is repeated, the last one counts; and where it is
 * there in several cases, the one that is spelled as `name` is, or else the last.
 */
export function lastHeaderValue(
  headers: NonNullable<ReceivedRecord['headers']>,
  name: string,
): Uint8Array | string | undefined {
  const own = Object.hasOwn(headers, name) ? lastOf(headers[name]) : undefined;
  if (own !== undefined) {
    return own;
  }
  const wanted = name.toLowerCase();
  let found: Uint8Array | string | undefined;
  // For each record this is asked for a dozen names, most of which are not there.
  for (const other in headers) {
    if (other.length === name.length && other.toLowerCase() === wanted && Object.hasOwn(headers, other)) {
      found = lastOf(headers[other]) ?? found;
    }
  }
  return found;
}

function isList(value: HeaderValue): value is readonly (Uint8Array | string | null)[] {
  return Array.isArray(value);
}

function lastOf(value: HeaderValue): Uint8Array | string | undefined {
  return (isList(value) ? value.at(-1) : value) ?? undefined;
}
