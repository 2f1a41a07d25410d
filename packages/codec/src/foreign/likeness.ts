import { compressed } from './compressed.ts';
import { convertedTo } from './converted.ts';
import { foreignFormat, isJpegLs, latin1 } from './formats.ts';
import { nameOfText } from './texts.ts';
import { imageName, imageWithin, nameOfType } from './image-names.ts';
import { signatures } from '../media-type.ts';
import { framed } from './serializers.ts';
import { counted } from '../text.ts';

/** So many of the first bytes are looked at; more would tell nothing new. */
const headBytes = 4096;

/**
 * Why bytes are no image file that travels, for messages: what they are instead, since whoever sent them then finds the
 * mistake in a minute.
 *
 * @param bytes the first ones; 4096 are always enough
 * @param size of all of them. Default: those are all
 */
export function notAnImage(bytes: Uint8Array, size: number = bytes.length): string {
  return `not a PNG, JPEG, WebP, AVIF, TIFF, GIF or NPY file; ${likenessOf(bytes, size)}`;
}

/** What bytes look like that are nothing which is read, or else how they begin. */
export function likenessOf(bytes: Uint8Array, size: number = bytes.length): string {
  const head = bytes.subarray(0, headBytes);
  const name =
    imageName(head) ??
    nameOf(head, size) ??
    nameOfText(head, size) ??
    begunOf(head, size) ??
    imageBehind(head);
  if (name !== undefined) {
    return `it looks like ${name}`;
  }
  const start = latin1(head, 16);
  const isText = /^[\x20-\x7E\s]*$/.test(latin1(head, 60));
  return isText
    ? `it begins with the text ${JSON.stringify(latin1(head, 60).trim())}`
    : `it begins with the bytes ${Buffer.from(start, 'latin1').toString('hex')}`;
}

/**
 * What a file really is that begins as an image file does and yet is none: where that is so, it says more than what its
 * structure lacks.
 *
 * @param bytes the first ones of it
 */
export function disguiseOf(bytes: Uint8Array): string | undefined {
  const head = bytes.subarray(0, headBytes);
  return convertedTo(head) ?? (isJpegLs(bytes) ? 'a JPEG-LS image' : undefined);
}

/** By its first bytes alone, whatever follows. */
function nameOf(head: Uint8Array, size: number): string | undefined {
  return foreignFormat(head) ?? compressed(head) ?? convertedTo(head) ?? framed(head, size);
}

function imageBehind(head: Uint8Array): string | undefined {
  const image = imageWithin(head);
  return image && `something in front of ${image}`;
}

/** A file of which only the very first bytes are there. */
function begunOf(head: Uint8Array, size: number): string | undefined {
  const begun =
    size < 12 && size > 1
      ? signatures.find(({ at: [[offset, mark]] }) =>
          offset === 0 ? head.every((byte, index) => index >= mark.length || mark[index] === byte) : false,
        )
      : undefined;
  return begun && `${nameOfType(begun.mediaType)} that is cut off after ${counted(size, 'byte')}`;
}
