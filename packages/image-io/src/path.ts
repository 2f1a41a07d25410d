import { createHash } from 'node:crypto';

/** Most file systems end at 255 bytes a name; this leaves room for `customer=` and an extension. */
const maxNameBytes = 200;

/** Names that Windows keeps for devices, with any extension. */
const reserved = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/**
 * Where an image belongs below the output directory, hive-style, with forward slashes:
 * `customer=<customer id>/date=<YYYY-MM-DD>/<image id>.<extension>`.
 *
 * Distinct ids give distinct paths, and no id leaves its place.
 *
 * @param timeZone IANA name of the zone whose date counts, for example `UTC`
 */
export function imagePath(
  image: { readonly id: string; readonly customerId: string; readonly createdAt: Date },
  extension: string,
  timeZone: string,
): string {
  const customer = `customer=${safeName(image.customerId)}`;
  const date = `date=${dateIn(timeZone, image.createdAt)}`;
  return `${customer}/${date}/${safeName(image.id)}.${extension}`;
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
