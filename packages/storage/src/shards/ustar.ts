import type { ByteSource } from '@image-stream/codec';

// https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06, and for sizes of 8 GiB and more
// https://www.gnu.org/software/tar/manual/html_node/Extensions.html

/** Everything in a tar archive is padded to blocks of so many bytes. */
const blockBytes = 512;

/** Two empty blocks. */
export const endOfArchive = Buffer.alloc(2 * blockBytes);

/** A file in an archive: where its contents are. */
export interface TarMember {
  readonly name: string;
  readonly start: number;
  readonly size: number;
}

/** The header of a file that belongs to nobody and was last changed in 1970, so that equal contents give equal archives. */
export function tarHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(blockBytes);
  if (Buffer.byteLength(name) > 100) {
    throw new RangeError(`'${name}' has more than the 100 bytes of a name in a tar archive`);
  }
  header.write(name);
  header.write('0000644\u00000000000\u00000000000\u0000', 100);
  if (size < 8 ** 11) {
    header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  } else {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(size), 128);
  }
  header.write('00000000000\0', 136);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  header.write(`${checksumOf(header).toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** The bytes that fill the last block of a file. */
export function padding(size: number): Buffer {
  return endOfArchive.subarray(0, -size & (blockBytes - 1));
}

/** The bytes that a file takes in an archive, with its header. */
export function memberBytes(size: number): number {
  return blockBytes + Math.ceil(size / blockBytes) * blockBytes;
}

/** The file whose header is in a block; undefined where it is none that `tarHeader` makes. */
export function parseHeader(block: Buffer): Omit<TarMember, 'start'> | undefined {
  if (block.toString('latin1', 257, 265) !== 'ustar\u000000' || block[156] !== 0x30) {
    return undefined;
  }
  if (Number.parseInt(block.toString('latin1', 148, 154), 8) !== checksumOf(block)) {
    return undefined;
  }
  const name = block.toString('utf8', 0, Math.max(0, block.subarray(0, 100).indexOf(0)) || 100);
  const size =
    block[124] === 0x80
      ? Number(block.readBigUInt64BE(128))
      : Number.parseInt(block.toString('latin1', 124, 135), 8);
  return { name, size };
}

/** The files of an archive that this program has made, in their order. */
export async function* tarMembers(archive: ByteSource): AsyncGenerator<TarMember> {
  const { size } = archive;
  for (let position = 0; position < size;) {
    const block = Buffer.from(await archive.read(position, Math.min(size, position + blockBytes)));
    if (block.equals(endOfArchive.subarray(0, blockBytes))) {
      return;
    }
    const header = block.length === blockBytes ? parseHeader(block) : undefined;
    if (header === undefined) {
      throw new Error(`byte ${position} is not the beginning of a file in a tar archive of this program`);
    }
    yield { ...header, start: position + blockBytes };
    position += memberBytes(header.size);
  }
}

/** The last file of an archive that this program has made, where it has at most `most` bytes; undefined where it has more. */
export async function lastMember(archive: ByteSource, most: number): Promise<TarMember | undefined> {
  const end = archive.size - endOfArchive.length;
  const from = Math.max(0, end - memberBytes(most));
  const bytes = Buffer.from(await archive.read(from, Math.max(from, end)));
  for (let start = end - blockBytes; start >= from; start -= blockBytes) {
    const header = parseHeader(bytes.subarray(start - from, start - from + blockBytes));
    if (header !== undefined && start + memberBytes(header.size) === end) {
      return { ...header, start: start + blockBytes };
    }
  }
  return undefined;
}

/** The sum of a header's bytes, with spaces where the sum itself is. */
function checksumOf(header: Buffer): number {
  let sum = 8 * 32;
  for (let index = 0; index < blockBytes; index += 1) {
    sum += index >= 148 && index < 156 ? 0 : header[index]!;
  }
  return sum;
}
