import { npyMediaType, sniffMediaType } from '@image-stream/codec';
import type { Encoding, Size } from '@image-stream/image-io';

/**
 * What an image takes of the budget, from its bytes as received and, where it is in one record, that record's value.
 */
export type Room = (bytes: number, value?: Uint8Array | null) => number;

/**
 * An image that is saved as it was received takes its bytes, so that many can wait for the disk at once. One that is decoded takes at least
 * the share of the budget that lets so many be in work, since it takes more memory than it has bytes, and a processor.
 *
 * @param atOnce how many images may be decoded at once
 */
export function roomOf({
  saveAs,
  resize,
  budgetBytes,
  atOnce,
}: {
  readonly saveAs: 'original' | Encoding;
  readonly resize: Size | undefined;
  readonly budgetBytes: number;
  readonly atOnce: number;
}): Room {
  const share = Math.ceil(budgetBytes / atOnce);
  const keepsFiles = saveAs === 'original' && resize === undefined;
  return (bytes, value) => (keepsFiles && isFile(value) ? bytes : Math.max(bytes, share));
}

/** Whether a value is an image file; what came in chunks nearly always is. */
function isFile(value: Uint8Array | null | undefined): boolean {
  if (value === undefined) {
    return true;
  }
  const mediaType = value === null ? undefined : sniffMediaType(value);
  return mediaType !== undefined && mediaType !== npyMediaType;
}
