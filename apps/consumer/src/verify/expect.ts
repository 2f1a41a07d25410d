import { createHash } from 'node:crypto';
import {
  byteSource,
  bytesOf,
  chunkKey,
  extensionOf,
  isPixelArray,
  npyMediaType,
  sniffMediaType,
} from '@image-stream/codec';
import type { Chunk, Decoded, DecodedImage, EncodedImage, PixelArray } from '@image-stream/codec';
import {
  decodePixels,
  encodingOf,
  imagePath,
  inspectImage,
  isLossless,
  mediaTypeOf,
  transcode,
} from '@image-stream/image-io';
import { encodingToSave, pathOf } from '../save.ts';
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
    return { ...expectWhole(chunk, options), upload, index: chunk.index, count: chunk.count };
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
  if (encoding === undefined) {
    const { mediaType, bytes } = content as EncodedImage;
    const digest = createHash('sha256').update(bytes).digest('hex');
    return { ...placeOf(pathOf(image, mediaType, options)), check: 'bytes', digest, size: bytes.length };
  }
  const place = placeOf(pathOf(image, mediaTypeOf(encoding), options));
  if (!isLossless(encoding)) {
    return { ...place, check: 'existence', digest: '', size: 0 };
  }
  const isAsReceived = isPixelArray(content) && options.resize === undefined;
  const pixels = isAsReceived ? content : await decodePixels(await transcode(content, encoding, options));
  return { ...place, check: 'pixels', digest: digestOfPixels(pixels), size: pixels.data.byteLength };
}

/** What one chunk tells about the whole image: its hash, but none of its pixels. */
function expectWhole(chunk: Chunk, options: FileOptions): ExpectedFile {
  const { saveAs, resize, timeZone } = options;
  const { contentEncoding, index, bytes, size, sha256 } = chunk;
  // The consumer believes the first bytes; what the sender says must do for the chunks that do not have them.
  const sniffed = index === 0 ? sniffMediaType(bytes) : undefined;
  const mediaType = contentEncoding === undefined ? (sniffed ?? chunk.mediaType) : npyMediaType;
  const own = mediaType === undefined ? undefined : encodingOf(mediaType);
  const wanted = saveAs === 'original' ? (own === 'npy' ? 'png' : own) : saveAs;
  const place = {
    stem: placeOf(imagePath(chunk, '', timeZone)).stem,
    extension: wanted && extensionOf(mediaTypeOf(wanted)),
  };
  const isAsReceived = wanted === own && own !== 'npy' && resize === undefined;
  return isAsReceived
    ? { ...place, check: 'bytes', digest: sha256, size }
    : { ...place, check: 'existence', digest: '', size: 0 };
}

function placeOf(path: string): Pick<ExpectedFile, 'stem' | 'extension'> {
  const dot = path.lastIndexOf('.');
  return { stem: path.slice(0, dot), extension: path.slice(dot + 1) };
}

/** SHA-256 of pixels and their shape, in hex. An array of one channel is the same with and without that dimension. */
export function digestOfPixels(pixels: PixelArray): string {
  const [height, width, channels = 1] = pixels.shape;
  return createHash('sha256')
    .update(`${pixels.dtype} ${height} ${width} ${channels} `)
    .update(bytesOf(pixels))
    .digest('hex');
}
