import { isUtf8 } from 'node:buffer';
import type { ByteSource } from '@image-stream/codec';
import { ImageIoError, pieces } from '@image-stream/image-io';
import { fromRandomAccessReaderPromise, getFileNameLowLevel, RandomAccessReader } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { inflatedRaw, readAhead } from './bytes.ts';
import type { ArchiveBytes } from './bytes.ts';
import { relativeName, slice } from './member.ts';
import type { Found, Member } from './member.ts';

// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

const methods: Readonly<Record<number, string>> = {
  9: 'Deflate64',
  12: 'bzip2',
  14: 'LZMA',
  93: 'Zstandard',
  95: 'XZ',
  99: 'AES encryption',
};

const utf8Flag = 0x800;

const localHeader = { bytes: 30, signature: 0x04_03_4b_50, nameLengthAt: 26, extraLengthAt: 28 };

/**
 * The members of a ZIP archive, as its directory at its end has them.
 *
 * @param forward the source, for what lies from front to back
 * @throws Error where there is no directory, or it is damaged
 */
export async function* zipMembers(source: ByteSource, forward: ArchiveBytes): AsyncGenerator<Found> {
  const zip = await open(source);
  for await (const entry of zip.eachEntry()) {
    // Of the system that it was made on, upper byte 3 is Unix, which keeps the file's mode.
    const mode = entry.versionMadeBy >> 8 === 3 ? entry.externalFileAttributes >>> 16 : 0;
    const name = nameOf(entry);
    if ((mode & 0o170_000) === 0o120_000) {
      yield { kind: 'link' };
    } else if (!name.endsWith('/')) {
      yield await memberOf(name, entry, source, forward);
    }
  }
}

async function open(source: ByteSource): Promise<ZipFile> {
  try {
    return await fromRandomAccessReaderPromise(new SourceReader(source), source.size, {
      autoClose: false,
      decodeStrings: false,
      validateEntrySizes: false,
    });
  } catch (error) {
    if (!(error as Error).message.startsWith('End of central directory')) {
      throw error;
    }
    const message = 'is cut off: a ZIP archive has its directory at its end; zip -FF may make another one';
    throw new ImageIoError('INVALID_IMAGE', message, { cause: error });
  }
}

/** Names that are not marked as UTF-8 should be CP437, and yet programs write UTF-8, which as CP437 makes no sense. */
function nameOf({ generalPurposeBitFlag, fileNameRaw, extraFields }: Entry): string {
  const marked = isUtf8(fileNameRaw) ? generalPurposeBitFlag | utf8Flag : generalPurposeBitFlag;
  return getFileNameLowLevel(marked, fileNameRaw, extraFields, false);
}

async function memberOf(
  name: string,
  entry: Entry,
  source: ByteSource,
  forward: ArchiveBytes,
): Promise<Member> {
  const { compressionMethod, compressedSize, uncompressedSize: size, crc32 } = entry;
  const isStored = compressionMethod === 0;
  const start = await dataStart(entry, forward);
  const problem = problemOf(entry, start, source.size);
  const place = [start ?? 0, problem === undefined ? compressedSize : 0] as const;
  const ahead = slice({ size: source.size, read: forward.read }, ...place);
  return {
    kind: 'file',
    name: relativeName(name),
    // A time without a zone is taken for UTC: an image has the same id on every machine.
    mtime: entry.getLastModDate({ timezone: 'UTC' }),
    ...{ size, crc32, problem },
    ...(isStored && { content: slice(source, ...place) }),
    bytes: () => (isStored ? pieces(ahead) : inflatedRaw(ahead, size)),
  };
}

/** Where an entry's data begin; undefined where its own header is not in its place. */
async function dataStart(
  { relativeOffsetOfLocalHeader: start }: Entry,
  forward: ArchiveBytes,
): Promise<number | undefined> {
  const header = await forward.read(start, start + localHeader.bytes);
  return header.length < localHeader.bytes || header.readUInt32LE() !== localHeader.signature
    ? undefined
    : start +
        localHeader.bytes +
        header.readUInt16LE(localHeader.nameLengthAt) +
        header.readUInt16LE(localHeader.extraLengthAt);
}

function problemOf(entry: Entry, start: number | undefined, archiveSize: number): string | undefined {
  const { compressionMethod, compressedSize, uncompressedSize } = entry;
  if (entry.isEncrypted()) {
    return 'is encrypted, which is not read; unpack it with its password';
  }
  if (compressionMethod !== 0 && compressionMethod !== 8) {
    const method = methods[compressionMethod] ?? `method ${compressionMethod}`;
    return `is compressed with ${method}; only stored and deflated members are read`;
  }
  if (start === undefined || start + compressedSize > archiveSize) {
    return 'is not where the directory of the archive says: the archive is damaged';
  }
  return compressionMethod === 0 && compressedSize !== uncompressedSize
    ? `has ${compressedSize} bytes instead of the ${uncompressedSize} that it declares`
    : undefined;
}

/** The directory, for yauzl; it lies apart from the members, and is read ahead by itself. */
class SourceReader extends RandomAccessReader {
  readonly #bytes: ArchiveBytes;

  constructor(source: ByteSource) {
    super();
    this.#bytes = readAhead(source);
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.#bytes.read(position, position + length).then(
      (bytes) => callback(null, bytes.copy(buffer, offset)),
      (error: Error) => callback(error),
    );
  }

  override close(callback: (error: Error | null) => void): void {
    callback(null);
  }
}
