import { isUtf8 } from 'node:buffer';
import type { ByteSource } from '@image-stream/codec';
import { ImageIoError } from '@image-stream/image-io';
import { Header } from 'tar/header';
import type { ArchiveBytes } from './bytes.ts';
import { blockBytes, isEmptyBlock, isTarHeader } from './kind.ts';
import { relativeName, slice } from './member.ts';
import type { Found, Member } from './member.ts';

// https://www.gnu.org/software/tar/manual/html_node/Standard.html
// https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html

/** Of a name, or of the records of a pax header; they are in memory. */
const maxExtensionBytes = 1024 ** 2;

/** What stands before a member for it alone. */
interface Extension {
  readonly path?: Buffer | undefined;
  readonly size?: number | undefined;
  readonly mtime?: Date | undefined;
  readonly isSparse?: boolean;
}

/** Types with nothing behind the header, whatever their size says. */
const withoutBody = /^(?:Link|SymbolicLink|Directory|CharacterDevice|BlockDevice|FIFO)$/;

/**
 * The members of a tar archive, one after the other: of all dialects, and of archives that follow one another, with or without the empty blocks
 * that end each. Where no header is in its place, it goes on at the next one that there is.
 *
 * @param source the archive, where its members can be read at any time
 * @throws what `bytes` throws, once it has given all before it
 */
export async function* tarMembers(bytes: ArchiveBytes, source?: ByteSource): AsyncGenerator<Found> {
  let position = 0;
  let emptyBlocks = 0;
  let global: Pick<Extension, 'mtime'> = {};
  let next: Extension = {};
  for (;;) {
    // With the last byte before it, by which a member shows whether it was written to the end of its last block.
    const before = Math.min(position, 1);
    const all = await bytes.read(position - before, position + blockBytes);
    if (all.length < before) {
      throw new ImageIoError('INVALID_IMAGE', 'is cut off: its last member does not fill its block');
    }
    const block = all.subarray(before);
    if (block.length === 0) {
      if (emptyBlocks === 0) {
        yield { kind: 'open end' };
      }
      return;
    }
    if (isEmptyBlock(block)) {
      emptyBlocks += 1;
      position += blockBytes;
      continue;
    }
    const header = headerOf(block, { ...global, ...next });
    if (header === undefined) {
      // What programs leave behind the end is theirs.
      if (emptyBlocks >= 2) {
        return;
      }
      const end = await nextHeader(bytes, position);
      yield { kind: 'damage', start: position, end };
      [position, next] = [end, {}];
      continue;
    }
    emptyBlocks = 0;
    const { type } = header;
    const start =
      position + blockBytes + (type === 'SparseFile' ? await sparseMapBytes(bytes, position, block) : 0);
    const size = withoutBody.test(type) ? 0 : header.size!;
    position = start + Math.ceil(size / blockBytes) * blockBytes;

    if (isExtension.test(type)) {
      if (size > maxExtensionBytes) {
        yield { kind: 'damage', start: start - blockBytes, end: position };
        continue;
      }
      const body = await bytes.read(start, start + size);
      if (type === 'GlobalExtendedHeader') {
        global = { mtime: paxExtension(body).mtime ?? global.mtime };
      } else if (type.endsWith('ExtendedHeader')) {
        next = { ...next, ...paxExtension(body) };
      } else if (type.endsWith('LongPath')) {
        next = { ...next, path: untilNul(body) };
      }
      continue;
    }
    if (/^(?:Old|Contiguous|Sparse|Continuation)?File$/.test(type)) {
      yield memberOf({ ...global, ...next }, header, { block, start, size, bytes, source });
      if (source !== undefined && start + size > source.size) {
        return;
      }
    } else if (type.endsWith('Link')) {
      yield { kind: 'link' };
    }
    next = {};
  }
}

const isExtension = /(?:ExtendedHeader|NextFileHasLongLinkpath|LongPath)$/;

/** What a block says of a member; undefined where it is no header. */
function headerOf(block: Buffer, { path, size, mtime }: Extension): Header | undefined {
  if (!isTarHeader(block)) {
    return undefined;
  }
  try {
    // The path because one that ends with a slash is a folder's, and a part of another one may end so.
    const header = new Header(block, 0, {
      ...(path !== undefined && { path: path.toString() }),
      ...(size !== undefined && { size }),
      ...(mtime !== undefined && { mtime }),
    });
    return Number.isSafeInteger(header.size ?? 0) && (header.size ?? 0) >= 0
      ? Object.assign(header, { size: header.size ?? 0 })
      : undefined;
  } catch {
    // A number in base 256 that is none.
    return undefined;
  }
}

interface Place {
  readonly block: Buffer;
  readonly start: number;
  readonly size: number;
  readonly bytes: ArchiveBytes;
  readonly source: ByteSource | undefined;
}

function memberOf(
  { path, isSparse = false }: Extension,
  { type, path: ownPath = '', mtime = new Date(0) }: Header,
  { block, start, size, bytes, source }: Place,
): Member {
  const isCut = source !== undefined && start + size > source.size;
  const content = source === undefined || isCut ? undefined : slice(source, start, size);
  return {
    kind: 'file',
    // Of both, `Header` would make one path where the header has a prefix.
    name: relativeName(path?.toString() ?? ownPath),
    mtime,
    size,
    problem: problemOf(),
    ...(content !== undefined && { content }),
    async *bytes() {
      for (let from = 0; from < size; from += stepBytes) {
        yield await bytes.read(start + from, start + Math.min(size, from + stepBytes));
      }
    },
  };

  function problemOf(): string | undefined {
    if (!isUtf8(path ?? nameBytes(block))) {
      return 'its name is not UTF-8, so that it cannot be part of an id; rename it';
    }
    if (type === 'SparseFile' || isSparse) {
      return 'is stored without its zeros, which is not read; pack it without --sparse';
    }
    if (type === 'ContinuationFile') {
      return 'begins in another volume of the archive; join the volumes';
    }
    return isCut ? `is cut off: the archive ends at byte ${source.size}` : undefined;
  }
}

const stepBytes = 1024 ** 2;

/** The name in a header, as far as it is in there, with the folder before it. */
function nameBytes(block: Buffer): Buffer {
  const prefix = block.toString('latin1', 257, 262) === 'ustar' ? block.subarray(345, 475) : Buffer.alloc(0);
  return Buffer.concat([untilNul(prefix), untilNul(block.subarray(0, 100))]);
}

/** Where the next header is, or else where the archive ends. */
async function nextHeader(bytes: ArchiveBytes, from: number): Promise<number> {
  for (let position = from; ; position += blockBytes) {
    const block = await bytes.read(position, position + blockBytes);
    if (block.length < blockBytes) {
      return position + block.length;
    }
    // A checksum alone may be right by chance.
    if (isTarHeader(block) && block.toString('latin1', 257, 262) === 'ustar' && headerOf(block, {})) {
      return position;
    }
  }
}

/** Of an old GNU sparse member: the blocks between header and data that go on with the map, each of which says whether one more follows. */
async function sparseMapBytes(bytes: ArchiveBytes, position: number, header: Buffer): Promise<number> {
  let length = 0;
  for (let hasMore = header[482] === 1; hasMore; length += blockBytes) {
    const start = position + blockBytes + length;
    hasMore = (await bytes.read(start, start + blockBytes))[504] === 1;
  }
  return length;
}

/** Records of `<length> <keyword>=<value>\n`, whose length counts all of it. */
function paxExtension(body: Buffer): Extension {
  const values = new Map<string, Buffer>();
  for (let start = 0; start < body.length;) {
    const length = Number.parseInt(body.toString('latin1', start, start + 10), 10);
    const begin = body.indexOf(0x20, start) + 1;
    const equals = body.indexOf(0x3d, begin);
    const end = start + length - 1;
    if (!(length > 0) || begin === 0 || equals === -1 || equals > end || end >= body.length) {
      break;
    }
    values.set(body.toString('utf8', begin, equals), body.subarray(equals + 1, end));
    start += length;
  }
  const size = values.get('size')?.toString();
  const isSparse = [...values.keys()].some((key) => key.startsWith('GNU.sparse.'));
  const path = values.get('GNU.sparse.name') ?? values.get('path');
  const time = /^(-?\d+)(?:\.(\d+))?$/.exec(values.get('mtime')?.toString() ?? '');
  return {
    ...(path !== undefined && { path }),
    ...(size !== undefined && { size: /^\d+$/.test(size) ? Number(size) : Number.NaN }),
    ...(time !== null && {
      mtime: new Date(Number(time[1]) * 1000 + Number((time[2] ?? '').padEnd(3, '0').slice(0, 3))),
    }),
    ...(isSparse && { isSparse }),
  };
}

function untilNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}
