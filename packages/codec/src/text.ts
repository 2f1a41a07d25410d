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

/** The text that UTF-8 begins with, of which the last character may be cut off; undefined where the bytes are not UTF-8. */
export function startOfText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}

/** Whether text begins as a JSON object does: with `{`, perhaps after a byte order mark and white space. */
export function isLikeJsonObject(bytes: Uint8Array): boolean {
  const start = byteOrderMark.every((byte, index) => bytes[index] === byte) ? byteOrderMark.length : 0;
  const at = bytes.findIndex((byte, index) => index >= start && !jsonSpace.has(byte));
  return bytes[at] === openingBrace;
}

const byteOrderMark = [0xef, 0xbb, 0xbf];
const jsonSpace = new Set([0x20, 0x09, 0x0a, 0x0d]);
const openingBrace = 0x7b;

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

/** Of both alphabets of RFC 4648. */
const notBase64 = /[^\w+/=-]/;

/**
 * Bytes from base64, with or without the line breaks of MIME. Node skips all characters that do not belong there; a damaged
 * image must not pass.
 */
export function fromBase64(name: string, value: unknown): Buffer {
  if (typeof value !== 'string') {
    throw new CodecError('MALFORMED_RECORD', `'${name}' must be a base64 string, not ${describe(value)}`);
  }
  const text = value.replaceAll(/[\r\n\t ]+/g, '');
  const bytes = Buffer.from(text, 'base64');
  const isWhole = text.length % 4 !== 1 && bytes.length === Buffer.byteLength(text, 'base64');
  if (!isWhole || notBase64.test(text)) {
    throw new CodecError('MALFORMED_RECORD', `'${name}' is not valid base64`);
  }
  return bytes;
}

/** Why bytes that begin as a JSON object are none, for messages; undefined where they are something else. */
export function brokenJson(bytes: Uint8Array): string | undefined {
  let text;
  try {
    text = utf8WithMark.decode(bytes);
    JSON.parse(text);
  } catch (error) {
    if (text === undefined) {
      return /^[\s{\x20-\x7E]{16}/.test(Buffer.from(bytes.subarray(0, 16)).toString('latin1'))
        ? 'it looks like JSON that is not UTF-8'
        : undefined;
    }
    if (/^\s*\{\s*'/.test(text)) {
      return undefined;
    }
    const { message } = error as Error;
    const notANumber = /[:[,]\s*(-?(?:NaN|Infinity))\b/.exec(
      /^Unexpected token|^No number/.test(message) ? text : '',
    );
    if (notANumber !== null) {
      return `it looks like JSON with ${notANumber[1]}, which JSON does not have; json.dumps of Python leaves it out with allow_nan=False`;
    }
    return /^Unterminated|^Unexpected end/.test(message)
      ? `it looks like JSON that is cut off after ${counted(bytes.length, 'byte')}`
      : `it looks like JSON that is broken: ${describe(message)}`;
  }
  return undefined;
}

/** How many of something: `1 byte`, `2 bytes`. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** A value of a stranger's JSON, short enough for an error message. */
export function describe(value: unknown): string {
  // JSON has no infinity, and one can come from a number that is too large.
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}
