import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { byteSource, bytesOf, isPixelArray, sniffMediaType } from '@image-stream/codec';
import type { ByteSource, EncodedImage, PixelArray, StoredImage } from '@image-stream/codec';
import { fileSource, pieces, sha256Of } from './file-source.ts';

/**
 * What an image file was made from. A lossy encoding does not give back the pixels that it was given, so such a file carries the SHA-256
 * of its source, and its own up to there, as a text in a place that its format has for that:
 *
 * - JPEG: a comment (`COM`) before the end of the image, ITU-T T.81 B.2.4.5
 * - GIF: a Comment Extension before the trailer, GIF89a section 24
 * - WebP: a chunk `ISSR` at the end, which readers have to ignore, RFC 9649 section 2.7.1.6
 * - AVIF: a box `uuid` at the end, ISO/IEC 14496-12 section 11.1
 */
export interface MadeFrom {
  /** SHA-256 of the source, or whatever else was noted of it, lower-case hex. */
  readonly sha256: string;
  /** False where the file is no longer as it was made. */
  readonly isIntact: boolean;
}

/** How a format takes up the text. */
interface Carrier {
  /** The last bytes of a file of this format, which come after the text. */
  readonly ending: Buffer;
  readonly header: Buffer;
  readonly closing: Buffer;
}

const sourceField = 'image-stream source-sha256=';
const fileField = ' file-sha256=';
const textLength = sourceField.length + 64 + fileField.length + 64;
const text = new RegExp(`^${sourceField}([0-9a-f]{64})${fileField}([0-9a-f]{64})$`);

const nothing = Buffer.alloc(0);

/** Ours: the UUID of version 5 (RFC 9562) of the URL `https://image-stream/source`. */
const boxType = Buffer.from('1acf6b5fe5f656e393f9d3381e97effe', 'hex');

const carriers: Readonly<Record<string, Carrier>> = {
  'image/jpeg': {
    ending: Buffer.from([0xff, 0xd9]),
    header: Buffer.from([0xff, 0xfe, 0, textLength + 2]),
    closing: nothing,
  },
  'image/gif': {
    ending: Buffer.from([0x3b]),
    header: Buffer.from([0x21, 0xfe, textLength]),
    closing: Buffer.from([0]),
  },
  'image/webp': {
    ending: nothing,
    header: Buffer.concat([Buffer.from('ISSR'), uint32(textLength, 'little')]),
    closing: nothing,
  },
  'image/avif': {
    ending: nothing,
    header: Buffer.concat([uint32(24 + textLength, 'big'), Buffer.from('uuid'), boxType]),
    closing: nothing,
  },
};

/** A file that says what it was made from; of a lossless encoding, as it is. @param sha256 of the source, lower-case hex */
export function withMadeFrom({ mediaType, bytes }: EncodedImage, sha256: string): EncodedImage {
  const carrier = carriers[mediaType];
  if (carrier === undefined) {
    return { mediaType, bytes };
  }
  const { ending, header, closing } = carrier;
  const all = Buffer.concat([
    bytes.subarray(0, bytes.length - ending.length),
    header,
    Buffer.from(`${sourceField}${sha256}${fileField}`),
  ]);
  if (mediaType === 'image/webp') {
    all.writeUInt32LE(riffSize(bytes.length, header), riffSizeAt);
  }
  const digest = createHash('sha256').update(all).digest('hex');
  return { mediaType, bytes: Buffer.concat([all, Buffer.from(digest), closing, ending]) };
}

/** As `withMadeFrom`, of a file on disk. */
export async function addMadeFrom(path: string, mediaType: string, sha256: string): Promise<void> {
  const carrier = carriers[mediaType];
  if (carrier === undefined) {
    return;
  }
  const { ending, header, closing } = carrier;
  const { size } = await fileSource(path);
  const file = await open(path, 'r+');
  try {
    const start = size - ending.length;
    const head = Buffer.concat([header, Buffer.from(`${sourceField}${sha256}${fileField}`)]);
    await writeAll(file, head, start);
    if (mediaType === 'image/webp') {
      await writeAll(file, uint32(riffSize(size, header), 'little'), riffSizeAt);
    }
    await file.truncate(start + head.length);
    const digest = await sha256Of(await fileSource(path));
    const tail = Buffer.concat([Buffer.from(digest), closing, ending]);
    await writeAll(file, tail, start + head.length);
  } finally {
    await file.close();
  }
}

/** A write that fills the disk takes less than it was given, and says nothing. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += (await file.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}

/** What a file says that it was made from; undefined where it says nothing. */
export async function readMadeFrom(file: ByteSource): Promise<MadeFrom | undefined> {
  const carrier = carriers[sniffMediaType(await file.read(0, Math.min(file.size, sniffedBytes))) ?? ''];
  const end = file.size - (carrier ? carrier.closing.length + carrier.ending.length : 0);
  if (carrier === undefined || end < textLength) {
    return undefined;
  }
  const found = text.exec(Buffer.from(await file.read(end - textLength, end)).toString('latin1'));
  if (found === null) {
    return undefined;
  }
  const [, source, own] = found;
  const before = { size: end - 64, read: file.read.bind(file) };
  return { sha256: source!, isIntact: (await sha256Of(before)) === own };
}

/** SHA-256 of what an image is made from: of the file, or of the pixels and their shape, lower-case hex. */
export async function madeFromSha256(content: EncodedImage | StoredImage | PixelArray): Promise<string> {
  if (isPixelArray(content)) {
    return sha256OfPixels(content);
  }
  return content.sha256 ?? sha256Of('source' in content ? content.source : byteSource(content.bytes));
}

/** SHA-256 of pixels and their shape, lower-case hex. An array of one channel is the same with and without that dimension. */
export async function sha256OfPixels(pixels: PixelArray): Promise<string> {
  const [height, width, channels = 1] = pixels.shape;
  const hash = createHash('sha256').update(`${pixels.dtype} ${height} ${width} ${channels} `);
  for await (const piece of pieces(byteSource(bytesOf(pixels)))) {
    hash.update(piece);
    // A gigabyte takes seconds, and others must have their turn.
    await setImmediate();
  }
  return hash.digest('hex');
}

/** Enough to tell the format. */
const sniffedBytes = 32;

const riffSizeAt = 4;

/** Bytes after the size itself. */
function riffSize(fileSize: number, header: Buffer): number {
  return fileSize - 8 + header.length + textLength;
}

function uint32(value: number, order: 'little' | 'big'): Buffer {
  const bytes = Buffer.alloc(4);
  if (order === 'little') {
    bytes.writeUInt32LE(value);
  } else {
    bytes.writeUInt32BE(value);
  }
  return bytes;
}
