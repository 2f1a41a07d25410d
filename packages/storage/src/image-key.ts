import { createHash } from 'node:crypto';
import { extensionOf, npyMediaType } from '@image-stream/codec';
import type { ImageAttributes } from '@image-stream/codec';
import { ImageIoError, mediaTypeOf } from '@image-stream/image-io';
import type { Encoding } from '@image-stream/image-io';

/** Most file systems end at 255 bytes a name; this leaves room for `customer=` and an extension. */
const maxNameBytes = 200;

/** Names that Windows keeps for devices, with any extension. */
const reserved = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** What decides, with the image, on its key. */
export interface KeyRule {
  /** `original`: encoded images as received, pixels as png. */
  readonly saveAs: 'original' | Encoding;
  /** IANA name of the zone whose date counts, such as `UTC`. */
  readonly timeZone: string;
}

/**
 * The key of an image, hive-style: `customer=<customer id>/date=<YYYY-MM-DD>/<image id>.<extension>`.
 *
 * Distinct ids give distinct keys, and no id leaves its place.
 *
 * @param mediaType of what was received; of pixels, that of NumPy files
 * @throws ImageIoError `UNSUPPORTED` for a media type that is none of images
 */
export function imageKey(image: ImageAttributes, mediaType: string, rule: KeyRule): string {
  const extension = extensionToSave(mediaType, rule);
  if (extension === undefined) {
    throw new ImageIoError('UNSUPPORTED', `images of type ${mediaType} cannot be saved`);
  }
  return `${imageStem(image, rule)}.${extension}`;
}

/** The key without the extension, for those who do not know what the image is. */
export function imageStem(image: ImageAttributes, { timeZone }: Pick<KeyRule, 'timeZone'>): string {
  const customer = `customer=${safeName(image.customerId)}`;
  const date = `date=${dateIn(timeZone, image.createdAt)}`;
  return `${customer}/${date}/${safeName(image.id)}`;
}

/** The extension of an image that came as `mediaType`; undefined for a media type that is none of images. */
export function extensionToSave(mediaType: string, { saveAs }: Pick<KeyRule, 'saveAs'>): string | undefined {
  const original = mediaType === npyMediaType ? mediaTypeOf('png') : mediaType;
  return extensionOf(saveAs === 'original' ? original : mediaTypeOf(saveAs));
}

/**
 * An id of a stranger as a name that every file system takes: bytes of its UTF-8 outside
 * `A-Za-z0-9._-` are percent-encoded, as is what makes a name hidden, reserved or ambiguous. An
 * overlong name ends in `~` and its SHA-256; no other name contains a `~`.
 */
export function safeName(id: string): string {
  let name = Buffer.from(id, 'utf8')
    .toString('latin1')
    .replace(/[^A-Za-z0-9._-]/g, percentEncoded)
    .replace(/^\.|\.$/g, percentEncoded);
  if (reserved.test(name)) {
    name = percentEncoded(name.charAt(0)) + name.slice(1);
  }
  if (name.length <= maxNameBytes) {
    return name;
  }
  const hash = createHash('sha256').update(id).digest('hex');
  return `${name.slice(0, maxNameBytes - hash.length - 1)}~${hash}`;
}

function percentEncoded(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function dateIn(timeZone: string, time: Date): string {
  if (timeZone === 'UTC') {
    return time.toISOString().slice(0, 10);
  }
  const parts = new Intl.DateTimeFormat('en', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  });
  const {
    year = '',
    month,
    day,
  } = Object.fromEntries(parts.formatToParts(time).map(({ type, value }) => [type, value]));
  return `${year.padStart(4, '0')}-${month}-${day}`;
}
