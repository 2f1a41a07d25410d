/*
 * How large compressed bytes may become, from their headers alone, without decompressing any. The
 * libraries have no limit of their own, and few bytes can stand for many: 4 of Zstandard for 128 KiB.
 * What is cut short throws a RangeError of Buffer; what is malformed is left to the decompressor.
 */

/** A bare Snappy block begins with its length: 7 bits a byte, the lowest first. */
export function snappySize(bytes: Buffer): number {
  let size = 0;
  for (let index = 0; index < 5; index += 1) {
    const byte = bytes.readUInt8(index);
    size += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) {
      break;
    }
  }
  return size;
}

/*
 * An LZ4 frame: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 *
 *     0   magic, 4 bytes
 *     4   flags: 0x10 block checksums, 0x08 content size, 0x01 dictionary id
 *     5   bits 4 to 6: the largest block, 4 for 64 KiB to 7 for 4 MiB
 *     6   content size, 8 bytes, and dictionary id, 4 bytes, where flagged; header checksum, 1 byte
 *         blocks: length, 4 bytes, whose highest bit means "stored", the block, and its checksum
 */

/** The most that an LZ4 frame can hold; a byte stands for at most 255. */
export function lz4Bound(bytes: Buffer): number {
  const flags = bytes.readUInt8(4);
  const largestBlock = 2 ** (8 + 2 * ((bytes.readUInt8(5) >> 4) & 7));
  const checksum = flags & 0x10 ? 4 : 0;
  let offset = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  let bound = 0;
  for (let length = -1; length !== 0 && offset < bytes.length;) {
    length = bytes.readUInt32LE(offset) & 0x7f_ff_ff_ff;
    bound += Math.min(largestBlock, length * 255);
    offset += 4 + length + checksum;
  }
  return bound;
}

/*
 * A Zstandard frame: https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1
 *
 *     0   magic, 4 bytes
 *     4   flags: bits 6 to 7 content size, 0x20 no window, 0x04 checksum, bits 0 to 1 dictionary id
 *     5   window, 1 byte unless flagged; dictionary id; content size
 *         blocks: header, 3 bytes: bit 0 the last, bits 1 to 2 its type, then its size; the block
 *         checksum, 4 bytes
 */
const zstdMagic = 0xfd_2f_b5_28;
const zstdLargestBlock = 128 * 1024;
const runLength = 1;
const compressed = 2;

/** The most that Zstandard frames can hold, whatever size they state. */
export function zstdBound(bytes: Buffer): number {
  let bound = 0;
  for (let offset = 0; offset < bytes.length;) {
    const magic = bytes.readUInt32LE(offset);
    if (magic >>> 4 === 0x1_84_d2_a5) {
      // A skippable frame: its length follows the magic.
      offset += 8 + bytes.readUInt32LE(offset + 4);
      continue;
    }
    if (magic !== zstdMagic) {
      break;
    }
    const frame = zstdFrame(bytes, offset);
    bound += frame.bound;
    offset = frame.end;
  }
  return bound;
}

function zstdFrame(bytes: Buffer, start: number): { bound: number; end: number } {
  const flags = bytes.readUInt8(start + 4);
  const noWindow = (flags & 0x20) !== 0;
  const sizeLength = [noWindow ? 1 : 0, 2, 4, 8][flags >> 6]!;
  const sizeAt = start + 5 + (noWindow ? 0 : 1) + [0, 1, 2, 4][flags & 3]!;

  let bound = 0;
  let offset = sizeAt + sizeLength;
  for (let isLast = false; !isLast;) {
    const header = bytes.readUIntLE(offset, 3);
    const type = (header >> 1) & 3;
    const size = header >> 3;
    isLast = (header & 1) === 1;
    bound += type === compressed ? zstdLargestBlock : size;
    offset += 3 + (type === runLength ? 1 : size);
  }
  return { bound, end: offset + (flags & 0x04 ? 4 : 0) };
}
