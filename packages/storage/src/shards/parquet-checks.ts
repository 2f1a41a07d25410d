import { hash } from 'node:crypto';

/*
 * SHA-256 of all that is not a page of an image, since a reader of Parquet may loop for ever on a bit that is wrong:
 *
 *   PAR1 | where the tail begins, 64 bits | SHA-256 of the tail | row groups: pages of images, other columns | tail
 *
 * The tail is the indexes of pages and the footer; in that, under `checksKey`, are the SHA-256 of the other columns of each row group.
 * Readers of Parquet go by the offsets in the footer, and so past what they do not know.
 */

const magic = Buffer.from('PAR1');

/** Bytes at the start of a table. */
export const headBytes: number = magic.length + 8 + 32;

export const checksKey = 'image-stream.columns.sha256';

export const sha256 = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');

/** What a table begins with. */
export function tableHead(tailStart: number, tail: Uint8Array): Buffer {
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(tailStart));
  return Buffer.concat([magic, start, hash('sha256', tail, 'buffer')]);
}

/** Where the tail begins, as the start of a file says; undefined where that is no table's. */
export function tailStartOf(head: Uint8Array): number | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  return bytes.subarray(0, magic.length).equals(magic)
    ? Number(bytes.readBigUInt64LE(magic.length))
    : undefined;
}
