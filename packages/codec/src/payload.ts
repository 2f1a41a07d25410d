import { compress, inflate, inflateHead, inflateUpTo, isWorthCompressing } from './compression.ts';
import type { Compression, ContentEncoding } from './compression.ts';
import { CodecError } from './errors.ts';
import { byteSource, isPixelArray } from './image.ts';
import type { ByteSource, EncodedImage, Image, PixelArray } from './image.ts';
import { notAnImage } from './foreign/likeness.ts';
import { assertPayloadBytes, maxInflatedBytes, raise } from './limits.ts';
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
 * @throws CodecError `UNSUPPORTED` for a payload of no known type; `LIMIT_EXCEEDED`, `CORRUPT_PAYLOAD`, and as `decodeNpy`
 */
export async function decodePayload(
  bytes: Uint8Array,
  contentEncoding: ContentEncoding | undefined,
  limits: Required<Limits>,
): Promise<PixelArray | EncodedImage> {
  assertPayloadBytes(bytes.length, limits);
  const { head, mediaType } = await payloadStart(bytes, contentEncoding);
  if (mediaType === undefined) {
    const inflated = contentEncoding === undefined ? 'is' : `inflates to what is`;
    const size = contentEncoding === undefined ? bytes.length : Number.POSITIVE_INFINITY;
    throw new CodecError(
      'UNSUPPORTED',
      `payload of ${counted(bytes.length, 'byte')} ${inflated} ${notAnImage(head, size)}`,
    );
  }
  if (mediaType === npyMediaType) {
    // The header bounds what follows it, so a bomb fails at the size that it declared.
    return contentEncoding === undefined
      ? decodeNpy(bytes, limits)
      : decodeNpy(await inflate(bytes, contentEncoding, readNpyHeader(head, limits).totalBytes), limits);
  }
  return {
    mediaType,
    bytes: contentEncoding === undefined ? bytes : await inflateFile(bytes, contentEncoding, limits),
  };
}

/** The first bytes of what a payload holds, and what they show. */
export async function payloadStart(
  bytes: Uint8Array,
  contentEncoding: ContentEncoding | undefined,
): Promise<{ readonly head: Uint8Array; readonly mediaType: string | undefined }> {
  const head =
    contentEncoding === undefined ? bytes : await inflateHead(bytes, contentEncoding, npyHeadBytes);
  return { head, mediaType: sniffMediaType(head) };
}

/** An image file says nowhere how large it is. */
async function inflateFile(
  bytes: Uint8Array,
  contentEncoding: ContentEncoding,
  limits: Required<Limits>,
): Promise<Buffer> {
  const limit = Math.min(limits.maxImageBytes, maxInflatedBytes);
  const file = await inflateUpTo(bytes, contentEncoding, limit);
  if (file === undefined) {
    const advice =
      limit === limits.maxImageBytes
        ? raise('maxImageBytes', limits)
        : 'no option raises it; send the file as it is';
    throw new CodecError(
      'LIMIT_EXCEEDED',
      `${contentEncoding} data of ${counted(bytes.length, 'byte')} inflates to more than the limit of ${counted(limit, 'byte')}; ${advice}`,
    );
  }
  return file;
}
