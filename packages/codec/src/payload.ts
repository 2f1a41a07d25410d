import { compress, inflate, inflateHead, isWorthCompressing } from './compression.ts';
import type { Compression, ContentEncoding } from './compression.ts';
import { CodecError } from './errors.ts';
import { byteSource, isPixelArray } from './image.ts';
import type { ByteSource, EncodedImage, Image, PixelArray } from './image.ts';
import { assertPayloadBytes } from './limits.ts';
import type { Limits } from './limits.ts';
import { npyMediaType, sniffMediaType } from './media-type.ts';
import { decodeNpy, encodeNpy, npyHeadBytes, readNpyHeader } from './npy.ts';
import { counted } from './text.ts';

/** What travels: bytes, and what they are. */
export interface Payload {
  readonly source: ByteSource;
  /** Of the bytes, where it is known already. */
  readonly sha256?: string | undefined;
  /** True for a file, which others can write while it is read. */
  readonly mayChange?: true;
  readonly mediaType: string;
  readonly contentEncoding: ContentEncoding | undefined;
}

/** An encoded image travels as it is; pixels travel as NPY, compressed where asked. */
export async function toPayload(content: Image['content'], compression: Compression): Promise<Payload> {
  if (!isPixelArray(content)) {
    return 'source' in content
      ? { ...content, mayChange: true, contentEncoding: undefined }
      : { ...content, source: byteSource(content.bytes), contentEncoding: undefined };
  }
  const npy = encodeNpy(content);
  const contentEncoding = chooseEncoding(npy, compression);
  return {
    source: byteSource(contentEncoding === undefined ? npy : await compress(npy, contentEncoding)),
    mediaType: npyMediaType,
    contentEncoding,
  };
}

function chooseEncoding(npy: Buffer, compression: Compression): ContentEncoding | undefined {
  if (compression === 'auto') {
    return isWorthCompressing(npy) ? 'deflate' : undefined;
  }
  return compression === 'none' ? undefined : compression;
}

/**
 * The image in a payload. What it is, its first bytes say: declared types are often wrong or
 * missing, and a file must not be saved as what it is not.
 *
 * @throws CodecError `UNSUPPORTED` for a payload of no known type, or with a content-encoding and no NPY file in it;
 * `LIMIT_EXCEEDED`, `CORRUPT_PAYLOAD`, and as `decodeNpy`
 */
export async function decodePayload(
  bytes: Uint8Array,
  contentEncoding: ContentEncoding | undefined,
  limits: Required<Limits>,
): Promise<PixelArray | EncodedImage> {
  assertPayloadBytes(bytes.length, limits);
  if (contentEncoding !== undefined) {
    const head = await inflateHead(bytes, contentEncoding, npyHeadBytes);
    if (sniffMediaType(head) !== npyMediaType) {
      throw new CodecError(
        'UNSUPPORTED',
        `content-encoding '${contentEncoding}' is read for NPY payloads only`,
      );
    }
    // The header bounds what follows it, so a bomb fails at the size that it declared.
    const { totalBytes } = readNpyHeader(head, limits);
    return decodeNpy(await inflate(bytes, contentEncoding, totalBytes), limits);
  }
  const mediaType = sniffMediaType(bytes);
  if (mediaType === undefined) {
    throw new CodecError(
      'UNSUPPORTED',
      `payload of ${counted(bytes.length, 'byte')} is not a PNG, JPEG, WebP, AVIF, TIFF, GIF or NPY file`,
    );
  }
  return mediaType === npyMediaType ? decodeNpy(bytes, limits) : { mediaType, bytes };
}
