import { createHash } from 'node:crypto';
import {
  byteSource,
  chunkKey,
  CodecError,
  isPixelArray,
  npyMediaType,
  payloadStart,
  readNpyHeader,
  resolveLimits,
} from '@image-stream/codec';
import type { Chunk, Decoded, DecodedImage, EncodedImage, Shape } from '@image-stream/codec';
import {
  decodePixels,
  encodingOf,
  inspectImage,
  isLossless,
  sha256OfPixels,
  madeFromSha256,
  transcode,
} from '@image-stream/image-io';
import { extensionToSave, imageStem } from '@image-stream/storage';
import { encodingToSave, fitsPng, keyOf, madeFrom } from '../save.ts';
import type { FileOptions } from '../save.ts';
import type { ChunkRow, ExpectedFile } from './rows.ts';

type Expectation = Pick<ChunkRow, keyof ExpectedFile | 'upload' | 'index' | 'count'>;

/**
 * What the consumer makes of a record: where its file must be, and what must be in it.
 *
 * @throws CodecError, ImageIoError as the consumer does for an image that it cannot save
 */
export async function expectFile(
  decoded: Exclude<Decoded, { kind: 'tombstone' }>,
  options: FileOptions,
): Promise<Expectation> {
  if (decoded.kind === 'chunk') {
    const { chunk } = decoded;
    const upload = createHash('sha256').update(chunkKey(chunk)).digest('hex');
    return { ...(await expectWhole(chunk, options)), upload, index: chunk.index, count: chunk.count };
  }
  const file = await expectImage(decoded.image, options);
  return { ...file, upload: `${file.digest}.${file.extension}`, index: 0, count: 1 };
}

async function expectImage(image: DecodedImage, options: FileOptions): Promise<ExpectedFile> {
  const { content } = image;
  if (!isPixelArray(content)) {
    await inspectImage(byteSource(content.bytes), options);
  }
  const encoding = await encodingToSave(content, options);
  const key = keyOf(image, encoding, options);
  const dot = key.lastIndexOf('.');
  const place = { stem: key.slice(0, dot), extension: key.slice(dot + 1) };
  if (encoding === undefined) {
    const { bytes } = content as EncodedImage;
    const digest = createHash('sha256').update(bytes).digest('hex');
    return { ...place, check: 'bytes', digest, size: bytes.length };
  }
  if (!isLossless(encoding)) {
    const digest = await madeFrom(content, await madeFromSha256(content), options);
    return { ...place, check: 'source', digest, size: 0 };
  }
  const isAsReceived = isPixelArray(content) && options.resize === undefined;
  const pixels = isAsReceived ? content : await decodePixels(await transcode(content, encoding, options));
  return { ...place, check: 'pixels', digest: await sha256OfPixels(pixels), size: pixels.data.byteLength };
}

/** What one chunk tells about the whole image: its hash, but none of its pixels. */
async function expectWhole(chunk: Chunk, options: FileOptions): Promise<ExpectedFile> {
  const { contentEncoding, size, sha256 } = chunk;
  const { mediaType, extension } = await typeOf(chunk, options);
  const place = { stem: imageStem(chunk, options), extension };
  const own = mediaType === undefined ? undefined : encodingOf(mediaType);
  const wanted = options.saveAs === 'original' ? own : options.saveAs;
  if (wanted === undefined || own === 'npy' || contentEncoding !== undefined) {
    return { ...place, check: 'existence', digest: '', size: 0 };
  }
  if (wanted === own && options.resize === undefined) {
    return { ...place, check: 'bytes', digest: sha256, size };
  }
  // Whether it was made smaller, a chunk does not tell.
  return isLossless(wanted) || options.resize !== undefined
    ? { ...place, check: 'existence', digest: '', size: 0 }
    : { ...place, check: 'source', digest: sha256, size: 0 };
}

/** The consumer believes the first bytes; what the sender says must do for the chunks that do not have them. */
async function typeOf(
  { index, bytes, contentEncoding, mediaType: declared }: Chunk,
  options: FileOptions,
): Promise<{ readonly mediaType: string | undefined; readonly extension: string | undefined }> {
  const start =
    index === 0 ? await payloadStart(bytes, contentEncoding).catch(undefinedForBadRecord) : undefined;
  const assumed = contentEncoding === undefined ? undefined : npyMediaType;
  const mediaType = start?.mediaType ?? declared ?? assumed;
  if (start?.mediaType === npyMediaType && options.saveAs === 'original') {
    const shape = shapeOf(start.head, options);
    return { mediaType, extension: shape === undefined || fitsPng(shape) ? 'png' : 'npy' };
  }
  return { mediaType, extension: mediaType && extensionToSave(mediaType, options) };
}

function shapeOf(head: Uint8Array, options: FileOptions): Shape | undefined {
  try {
    return readNpyHeader(head, resolveLimits(options)).shape;
  } catch (error) {
    return undefinedForBadRecord(error);
  }
}

function undefinedForBadRecord(error: unknown): undefined {
  if (!(error instanceof CodecError)) {
    throw error;
  }
}
