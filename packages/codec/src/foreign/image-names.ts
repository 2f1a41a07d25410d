import { latin1 } from './formats.ts';
import { sniffMediaType } from '../media-type.ts';

/** What an image file is called in a message: `a PNG file`; undefined for other bytes. */
export function imageName(bytes: Uint8Array): string | undefined {
  const mediaType = sniffMediaType(bytes);
  return mediaType && nameOfType(mediaType);
}

/** The same of a media type that travels. */
export function nameOfType(mediaType: string): string {
  const name = mediaType.replace(/^.*[/-]/, '').replace('webp', 'WebP');
  const upper = name === 'WebP' ? name : name.toUpperCase();
  return `${/^(?:AVIF|NPY)$/.test(upper) ? 'an' : 'a'} ${upper} file`;
}

/** Where an image may begin that something was put in front of. */
const frontBytes = 512;

/** Marks that are in nothing else; those of TIFF are too short for that. */
const marksWithin = /\x89PNG\r\n|\xFF\xD8\xFF[\xC0-\xFE]|RIFF.{4}WEBP|.{4}ftypavi[fs]|GIF8[79]a|\x93NUMPY/s;

/** An image file with something in front of it: its name, and where it begins. */
export function imageWithin(head: Uint8Array): string | undefined {
  const start = latin1(head, frontBytes).search(marksWithin);
  const name = start > 0 ? imageName(head.subarray(start)) : undefined;
  return name && `${name} that begins at byte ${start}`;
}
