import { compressed } from './compressed.ts';
import { foreignFormat, latin1 } from './formats.ts';
import { foreignJson, membersOf } from './json.ts';
import { imageName } from './image-names.ts';

/*
 * Text in place of an image: what programs make of bytes when they take them for something else. The rules look at the
 * beginning alone, since texts are long.
 */

/** Patterns of what a text begins with, in the order in which they are tried; each has where it comes from. */
const beginnings: readonly (readonly [pattern: RegExp, name: string])[] = [
  // https://www.rfc-editor.org/rfc/rfc9112#name-status-line
  [/^HTTP\/\d/, 'an HTTP response with its headers; send its body alone'],
  // https://www.rfc-editor.org/rfc/rfc2046#section-5.1: a form's upload, or a camera's stream.
  [/^(?:\r?\n)*--\S{1,70}\r?\nContent-/i, 'a multipart message with its boundaries; send the parts alone'],
  // https://www.w3.org/TR/SVG2/
  [
    /^(?:<\?xml[^>]*>\s*)?(?:<!--.{0,1000}?-->\s*)*(?:<!DOCTYPE svg[^>]*>\s*)?<svg[\s/>]/s,
    'an SVG drawing, which has no pixels',
  ],
  // https://html.spec.whatwg.org: what a camera or server answers in place of an image.
  [/^(?:<!DOCTYPE html|<html|<head|<body)/i, 'an HTML page, perhaps of an error'],
  [/^<\?xml/, 'XML'],
  // https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/lang/Object.html#toString()
  [
    /^\[B@[0-9a-f]+$/,
    'what Java prints in place of a byte array, which was not sent; use a ByteArraySerializer',
  ],
  [/^java\.nio\.\w*ByteBuffer\[/, 'what Java prints in place of a ByteBuffer, which was not sent'],
  // https://cwiki.apache.org/confluence/display/KAFKA/KIP-128%3A+Add+ByteArrayConverter+for+Kafka+Connect
  [/^Struct\{/, 'a struct of Kafka Connect as its StringConverter prints it; use the ByteArrayConverter'],
  [/^\[object \w+\]$/, 'what JavaScript prints in place of an object, which was not sent'],
  [
    /^<(?:PIL\.|_io\.|memory at|\w+ object at)/,
    'what Python prints in place of an object, which was not sent',
  ],
  // https://docs.python.org/3/library/pickle.html, protocols 0 and 1
  [
    /^(?:c[\w.]+\n\w+\n|\((?:dp|lp|i)\d*\n)/,
    'a pickle of Python; send the bytes of an image file, or numpy.save',
  ],
  // https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/Arrays.html, numpy.array2string, JSON.stringify
  [
    /^\[[\s[]*-?\d{1,5}(?:\.\d*)?(?:,?\s+|,)-?\d{1,5}(?:\.\d*)?(?:,?\s+|,|[\s\]])/,
    'bytes or pixels as numbers in text; send the bytes of an image file, or numpy.save',
  ],
  [/^\d{1,3}(?:,\s?\d{1,3}){7}/, 'bytes as numbers in text; send the bytes themselves'],
  [/^[a-z][\da-z+.-]{1,20}:\/\/\S+$/i, 'the address of an image; send the image'],
  [
    /^[^\n\0]{1,500}\.(?:png|jpe?g|jfif|webp|avif|tiff?|gif|npy|heic|bmp)$/i,
    'the name of a file; send what is in it (kcat -P with the name as its last argument)',
  ],
];

/** What a text is, by its beginning; undefined where it is not known. */
function foreignText(text: string, isWhole: boolean): string | undefined {
  // A pattern that asks for the end of the text is about a whole one.
  return beginnings.find(
    ([pattern]) => (isWhole || !pattern.source.endsWith('$')) && pattern.test(text),
  )?.[1];
}

/** What stands for bytes in a text, and other texts. */
export function nameOfText(head: Uint8Array, size: number): string | undefined {
  if (/^(?:\xFF\xFE[^\0]\0|\xFE\xFF\0[^\0])/.test(latin1(head, 4))) {
    return 'text in UTF-16';
  }
  const raw = latin1(head, head.length).replace(/^\xEF\xBB\xBF/, '');
  const text = raw.trim();
  const isWhole = head.length === size;
  if (text === '') {
    return raw === '' ? undefined : 'white space';
  }
  const python = /^b(['"])(.*)/s.exec(text)?.[2];
  if (python !== undefined) {
    const image = imageInBase64(python) ?? (python.startsWith(String.raw`\x`) ? 'binary data' : undefined);
    return image && `${image} as Python prints bytes (b'...'); send the bytes, not str() of them`;
  }
  const [, quote = '', inner = ''] = /^(["']?)(.*)/s.exec(text)!;
  const quoted = quote === '' ? '' : ', in quotes';
  const dataUri = /^data:[^,]{0,100},/i.exec(inner)?.[0];
  if (dataUri !== undefined) {
    return `a data URI${quoted}; send the bytes that it stands for`;
  }
  const image = imageInHex(inner) ?? imageInBase64(inner);
  if (image !== undefined) {
    return `${image}${quoted}; send the bytes that it stands for`;
  }
  if (text.startsWith('{') || text.startsWith('[')) {
    const name = foreignJson(text);
    return name ?? foreignText(text, isWhole) ?? (text.startsWith('{') ? membersOf(text) : undefined);
  }
  return (
    foreignText(text, isWhole) ??
    (isLikeBase64(inner) ? `base64 of what is no image file${quoted}` : undefined)
  );
}

function imageInBase64(text: string): string | undefined {
  const start = /^[\w+/=\s-]{8,1024}/.exec(text)?.[0].replaceAll(/\s/g, '') ?? '';
  const bytes = Buffer.from(start, 'base64');
  const name =
    imageName(bytes) ?? (start.length > 32 ? (foreignFormat(bytes) ?? compressed(bytes)) : undefined);
  return name && `base64 of ${name}`;
}

function imageInHex(text: string): string | undefined {
  const start = /^(?:0x|\\x)?((?:[0-9a-f]{2}[\s:,-]?){8,512})/i.exec(text)?.[1];
  const bytes = Buffer.from(start?.replaceAll(/[^0-9a-f]/gi, '') ?? '', 'hex');
  const name = imageName(bytes) ?? foreignFormat(bytes);
  return name && `hexadecimal digits of ${name}`;
}

/** Long, of its characters alone, and no word of any language. */
function isLikeBase64(text: string): boolean {
  return /^(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[\w+/=-]{64}/.test(text);
}
