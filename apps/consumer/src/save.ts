import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import {
  byteSource,
  CodecError,
  decodePayload,
  isPixelArray,
  notAnImage,
  npyHeadBytes,
  npyMediaType,
  resolveLimits,
  shortened,
  sniffMediaType,
} from '@image-stream/codec';
import type {
  ByteSource,
  DecodedImage,
  EncodedImage,
  ImageAttributes,
  Limits,
  PixelArray,
  Shape,
  StoredImage,
} from '@image-stream/codec';
import {
  addMadeFrom,
  encodingNeeded,
  fileSource,
  ImageIoError,
  inspectImage,
  isLarger,
  isLossless,
  readMadeFrom,
  sameBytes,
  samePixels,
  sha256Of,
  madeFromSha256,
  transcode,
  transcodeToFile,
  withMadeFrom,
} from '@image-stream/image-io';
import type { Encoding, Size } from '@image-stream/image-io';
import { counted } from '@image-stream/program';
import { extensionToSave, imageKey, StorageError } from '@image-stream/storage';
import type { About, Accepted, Found, KeyRule, Origin, Sink, Workspace } from '@image-stream/storage';
import type { AssembledImage } from './chunks/chunked-image.ts';

/** What decides on the key of an image, and on what is kept under it. */
export interface FileOptions extends Limits, KeyRule {
  /** Shrinks what is larger to fit inside; undefined keeps every pixel. */
  readonly resize: Size | undefined;
}

export interface SaveOptions extends FileOptions {
  readonly sink: Sink;
  readonly workspace: Pick<Workspace, 'newFile'>;
  /** Puts another image of the same key in the place of the one that is there. */
  readonly overwrite: boolean;
}

/** What became of an image: it is new, was there, or took the place of another; and when it is safe. */
export interface SavedImage {
  readonly how: 'written' | 'exists' | 'replaced';
  /** The same for all images that become durable together. */
  readonly accepted: Accepted;
}

/** Where an image comes from, and when it is its turn. */
export interface Arrival extends Pick<About, 'origin' | 'turn'> {
  /** As of `Delivery`. */
  readonly isCurrent?: () => boolean;
}

/** Whether what is kept holds the same image. */
type SameContent = (existing: Found) => boolean | Promise<boolean>;

/** An image as it is to be kept. */
interface ToKeep {
  readonly key: string;
  readonly content: ByteSource;
  readonly about: About;
  readonly isSame: SameContent;
}

/** Saves an image under the key that its ids and date give, in the encoding that was asked for. */
export async function saveImage(
  image: DecodedImage | AssembledImage,
  options: SaveOptions,
  arrival: Arrival = {},
): Promise<SavedImage> {
  return 'file' in image ? saveAssembled(image, options, arrival) : saveDecoded(image, options, arrival);
}

async function saveDecoded(image: DecodedImage, options: SaveOptions, arrival: Arrival): Promise<SavedImage> {
  const { content } = image;
  const size = isPixelArray(content) ? undefined : await inspectImage(byteSource(content.bytes), options);
  const encoding = await encodingToSave(content, options);
  const key = keyOf({ ...image, content }, encoding, options);
  if (encoding === undefined) {
    const { bytes, mediaType, sha256 } = content as EncodedImage;
    const isSame = sameBytesAs(content as EncodedImage);
    const about = { image, mediaType, sha256, size, ...arrival };
    return keep({ key, content: byteSource(bytes), about, isSame }, options);
  }
  const received = once(() => madeFromSha256(content));
  const made = await transcode(content, encoding, options);
  const about = { image, mediaType: made.mediaType, receivedSha256: received, ...arrival };
  if (isLossless(encoding)) {
    const isSame = encoding === 'npy' ? sameBytesAs(made) : samePixelsAs(made);
    return keep({ key, content: byteSource(made.bytes), about, isSame }, options);
  }
  const sha256 = await madeFrom(content, await received(), options);
  const file = withMadeFrom(made, sha256);
  return keep({ key, content: byteSource(file.bytes), about, isSame: madeFromSameAs(file, sha256) }, options);
}

/** What is asked for once at most, and only if anybody does. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** An image file takes no memory, whatever its size; pixels do. */
async function saveAssembled(
  image: AssembledImage,
  options: SaveOptions,
  arrival: Arrival,
): Promise<SavedImage> {
  const { id, customerId, createdAt } = image;
  const content = await openAssembled(image, options);
  if (!('source' in content)) {
    return saveDecoded({ id, customerId, createdAt, content }, options, arrival);
  }
  const { mediaType, source } = content;
  const imageSize = await inspectImage(source, options);
  const key = imageKey(image, mediaType, options);
  const encoding = await encodingToSave(content, options);
  if (encoding === undefined) {
    const about = { image, mediaType, sha256: image.sha256, size: imageSize, ...arrival };
    return keep({ key, content: source, about, isSame: sameBytesAs(content) }, options);
  }
  const path = options.workspace.newFile();
  try {
    const made = await transcodeToFile(content, encoding, path, options);
    const sha256 = await madeFrom(content, image.sha256, options);
    if (!isLossless(encoding)) {
      await addMadeFrom(path, made.mediaType, sha256);
    }
    const file = { ...made, source: await fileSource(path) };
    const isSame = isLossless(encoding) ? samePixelsAs(file) : madeFromSameAs(file, sha256);
    const receivedSha256 = async () => image.sha256;
    const about = { image, mediaType: made.mediaType, receivedSha256, ...arrival };
    return await keep({ key, content: file.source, about, isSame }, options);
  } finally {
    await rm(path, { force: true }).catch(() => {});
  }
}

/**
 * What an image in chunks holds: a file where it lies; what is compressed, and pixels, in memory.
 *
 * @throws CodecError where it is no image, or larger than allowed; StorageError `GONE` where the file holds something else by now
 */
export async function openAssembled(
  image: AssembledImage,
  limits: Limits,
): Promise<EncodedImage | PixelArray | StoredImage> {
  const { contentEncoding, size } = image;
  const source = await fileSource(image.file);
  await assertUnchanged(image, source);
  const head = await source.read(0, Math.min(size, npyHeadBytes));
  const mediaType = sniffMediaType(head);
  if (contentEncoding === undefined && mediaType === undefined) {
    throw new CodecError('UNSUPPORTED', `payload of ${counted(size, 'byte')} is ${notAnImage(head, size)}`);
  }
  if (contentEncoding === undefined && mediaType !== undefined && mediaType !== npyMediaType) {
    return { mediaType, source, sha256: image.sha256 };
  }
  if (size > maxDecodedBytes) {
    throw new CodecError(
      'LIMIT_EXCEEDED',
      `payload of ${size} bytes exceeds the limit of ${maxDecodedBytes} for pixels and for what is compressed, which no option raises`,
    );
  }
  return decodePayload(await source.read(0, size), contentEncoding, resolveLimits(limits));
}

/** More is in memory neither as it came nor as pixels; a header of NumPy comes on top of those. */
const maxDecodedBytes = 1024 ** 3 + 65_536;

/** Images that were to be saved before: what the kernel could not write by then, it may have forgotten. */
const attempted = new WeakSet<AssembledImage>();

/** @throws StorageError `GONE` where the file holds something else by now */
async function assertUnchanged(image: AssembledImage, source: ByteSource): Promise<void> {
  if (attempted.has(image) && (await sha256Of(source)) !== image.sha256) {
    throw new StorageError(
      'GONE',
      `the chunks of image ${shortened(image.id, 100)} are no longer in ${image.file} as they came; all of them come again`,
    );
  }
  attempted.add(image);
}

/** SHA-256 of what a file is made from that is encoded with loss: of its source, and of the size if it is made smaller. */
export async function madeFrom(
  content: EncodedImage | PixelArray | StoredImage,
  sha256: string,
  { resize, ...options }: FileOptions,
): Promise<string> {
  if (resize === undefined || !(await isLarger(content, resize, options))) {
    return sha256;
  }
  return createHash('sha256').update(`${sha256} ${resize.width}x${resize.height}`).digest('hex');
}

/**
 * Puts an image under its key, where no other is.
 *
 * @throws StorageError `CONFLICT` when the key is taken by another image, unless it may be replaced
 */
async function keep(
  { key, content, about, isSame }: ToKeep,
  { sink, overwrite }: Pick<SaveOptions, 'sink' | 'overwrite'>,
): Promise<SavedImage> {
  for (;;) {
    const created = await sink.put(key, content, 'create', about);
    if (created !== undefined) {
      return { how: created.wasThere === true ? 'exists' : 'written', accepted: created };
    }
    const existing = await sink.find(key);
    if (existing === undefined) {
      // Somebody has removed it in between.
      continue;
    }
    let isThere;
    try {
      isThere = await isSame(existing);
    } catch (error) {
      if ((await sink.find(key)) === undefined) {
        continue;
      }
      throw error;
    }
    if (isThere) {
      return { how: 'exists', accepted: existing };
    }
    if (!overwrite) {
      throw new StorageError(
        'CONFLICT',
        `${key} in ${sink.location} already holds another image; the first one stays`,
      );
    }
    const replaced = await sink.put(key, content, 'replace', about);
    return { how: 'replaced', accepted: { durable: async () => replaced?.durable() } };
  }
}

/**
 * Whether an image that is saved as received is there already, judged without having received it. It is durable then.
 */
export async function isSaved(
  image: ImageAttributes & {
    readonly size: number;
    readonly sha256: string;
    readonly mediaType: string | undefined;
  },
  options: SaveOptions,
  origin?: Origin,
): Promise<boolean> {
  const { mediaType, size, sha256 } = image;
  const isReceived = options.saveAs === 'original' && options.resize === undefined;
  if (!isReceived || mediaType === undefined || extensionToSave(mediaType, options) === undefined) {
    return false;
  }
  const key = imageKey(image, mediaType, options);
  const existing = await options.sink.find(key, origin && { origin, sha256 });
  if (existing?.content.size !== size || (await contentSha256(existing)) !== sha256) {
    return false;
  }
  await existing.durable();
  return true;
}

/** The most rows or columns that sharp takes. */
const maxSide = 100_000_000;

/** Whether a PNG holds pixels of a shape: grey or RGB, with transparency or without. */
export function fitsPng([height, width, channels = 1]: Shape): boolean {
  return channels <= 4 && height <= maxSide && width <= maxSide;
}

/** What to encode in; undefined for an image that is saved as received. Pixels are no file yet, and become a PNG where it can hold them. */
export async function encodingToSave(
  content: EncodedImage | PixelArray | StoredImage,
  { saveAs, ...options }: FileOptions,
): Promise<Encoding | undefined> {
  if (isPixelArray(content)) {
    return saveAs === 'original' ? (fitsPng(content.shape) ? 'png' : 'npy') : saveAs;
  }
  return encodingNeeded(content, saveAs, options);
}

/** The key of an image in the encoding that it is saved in. */
export function keyOf(
  { content, ...image }: DecodedImage,
  encoding: Encoding | undefined,
  options: KeyRule,
): string {
  const mediaType = isPixelArray(content) ? npyMediaType : content.mediaType;
  return imageKey(image, mediaType, { ...options, saveAs: encoding ?? 'original' });
}

function sameBytesAs(file: EncodedImage | StoredImage): SameContent {
  const own = sourceOf(file);
  const sha256 = once(async () => file.sha256 ?? sha256Of(own));
  return async (existing) => {
    if (existing.sha256 === undefined) {
      return sameBytes(existing.content, own);
    }
    return existing.content.size === own.size && existing.sha256 === (await sha256());
  };
}

async function contentSha256({ content, sha256 }: Found): Promise<string> {
  return sha256 ?? sha256Of(content);
}

/** Of what was re-encoded without loss: another release of the library may compress the same pixels differently. */
function samePixelsAs(file: EncodedImage | StoredImage): SameContent {
  const isSameFile = sameBytesAs(file);
  return async (existing) =>
    (await isSameFile(existing)) ||
    (await samePixels({ mediaType: file.mediaType, source: existing.content }, file).catch(falseForBadImage));
}

/** Of what was re-encoded with loss: the file says what it was made from. @param sha256 of what this one was made from */
function madeFromSameAs(file: EncodedImage | StoredImage, sha256: string): SameContent {
  const isSameFile = sameBytesAs(file);
  return async (existing) => {
    if (await isSameFile(existing)) {
      return true;
    }
    const made = await readMadeFrom(existing.content);
    return made?.sha256 === sha256 && made.isIntact;
  };
}

function sourceOf(file: EncodedImage | StoredImage): ByteSource {
  return 'source' in file ? file.source : byteSource(file.bytes);
}

function falseForBadImage(error: unknown): false {
  if (error instanceof ImageIoError || error instanceof CodecError) {
    return false;
  }
  throw error;
}
