import { rm } from 'node:fs/promises';
import {
  byteSource,
  decodePayload,
  extensionOf,
  isPixelArray,
  npyHeadBytes,
  npyMediaType,
  resolveLimits,
  sniffMediaType,
} from '@image-stream/codec';
import type {
  DecodedImage,
  EncodedImage,
  ImageAttributes,
  Limits,
  PixelArray,
  StoredImage,
} from '@image-stream/codec';
import {
  encodingNeeded,
  fileSource,
  imagePath,
  ImageIoError,
  inspectImage,
  isLossless,
  sameBytes,
  samePixels,
  sha256Of,
  transcode,
  transcodeToFile,
} from '@image-stream/image-io';
import type { Encoding, ImageStore, SameContent, Saved, Size } from '@image-stream/image-io';
import type { AssembledImage } from './upload.ts';

/** What decides on the path and the encoding of a file. */
export interface FileOptions extends Limits {
  /** `original`: encoded images as received, pixels as png. */
  readonly saveAs: 'original' | Encoding;
  /** Shrinks what is larger to fit inside; undefined keeps every pixel. */
  readonly resize: Size | undefined;
  readonly timeZone: string;
}

export interface SaveOptions extends FileOptions {
  readonly store: ImageStore;
  readonly overwrite: boolean;
}

/** Saves an image under the path that its ids and date give, in the encoding that was asked for. */
export async function saveImage(image: DecodedImage | AssembledImage, options: SaveOptions): Promise<Saved> {
  if ('file' in image) {
    return saveAssembled(image, options);
  }
  const { store, overwrite } = options;
  const { content } = image;
  if (!isPixelArray(content)) {
    await inspectImage(byteSource(content.bytes), options);
  }
  const encoding = await encodingToSave(content, options);
  const file =
    encoding === undefined ? (content as EncodedImage) : await transcode(content, encoding, options);
  const path = pathOf(image, file.mediaType, options);
  return store.save(path, file.bytes, sameAs(file, encoding), overwrite);
}

/** An image file takes no memory, whatever its size; pixels do. */
async function saveAssembled(image: AssembledImage, options: SaveOptions): Promise<Saved> {
  const { store, overwrite } = options;
  const { file, contentEncoding, size } = image;
  const source = await fileSource(file);
  const mediaType = sniffMediaType(await source.read(0, Math.min(size, npyHeadBytes)));
  if (contentEncoding !== undefined || mediaType === npyMediaType || mediaType === undefined) {
    const content = await decodePayload(await source.read(0, size), contentEncoding, resolveLimits(options));
    return saveImage({ ...attributesOf(image), content }, options);
  }
  await inspectImage(source, options);
  const content = { mediaType, source };
  const encoding = await encodingToSave(content, options);
  if (encoding === undefined) {
    return store.saveFile(pathOf(image, mediaType, options), file, sameAs(content, encoding), overwrite);
  }
  const recoded = store.temporaryFile();
  try {
    const made = await transcodeToFile(content, encoding, recoded, options);
    const isSame = sameAs({ ...made, source: await fileSource(recoded) }, encoding);
    return await store.saveFile(pathOf(image, made.mediaType, options), recoded, isSame, overwrite);
  } finally {
    await rm(recoded, { force: true });
  }
}

/** Whether an image that is saved as received is on disk already, judged without having received it. */
export async function isSaved(
  image: ImageAttributes & {
    readonly size: number;
    readonly sha256: string;
    readonly mediaType: string | undefined;
  },
  options: SaveOptions,
): Promise<boolean> {
  const { mediaType, size, sha256 } = image;
  const isReceived = options.saveAs === 'original' && options.resize === undefined;
  if (!isReceived || mediaType === undefined || extensionOf(mediaType) === undefined) {
    return false;
  }
  const existing = await options.store.existing(pathOf(image, mediaType, options));
  return existing?.size === size && (await sha256Of(existing)) === sha256;
}

/** Where the file of an image belongs. @throws ImageIoError `UNSUPPORTED` for a media type that is none of images */
export function pathOf(image: ImageAttributes, mediaType: string, { timeZone }: FileOptions): string {
  const extension = extensionOf(mediaType);
  if (extension === undefined) {
    throw new ImageIoError('UNSUPPORTED', `images of type ${mediaType} cannot be saved`);
  }
  return imagePath(image, extension, timeZone);
}

function attributesOf({ id, customerId, createdAt }: ImageAttributes): ImageAttributes {
  return { id, customerId, createdAt };
}

/** What to encode in; undefined for an image that is saved as received. Pixels are no file yet. */
export async function encodingToSave(
  content: EncodedImage | PixelArray | StoredImage,
  { saveAs, ...options }: FileOptions,
): Promise<Encoding | undefined> {
  if (isPixelArray(content)) {
    return saveAs === 'original' ? 'png' : saveAs;
  }
  return encodingNeeded(content, saveAs, options);
}

/**
 * When a file that is there already holds the same image: the same bytes where none were
 * re-encoded, the same pixels where that was lossless (another release of the library may compress
 * them differently), and any where it was not.
 */
function sameAs(file: EncodedImage | StoredImage, encoding: Encoding | undefined): SameContent {
  const source = 'source' in file ? file.source : byteSource(file.bytes);
  return async (existing) => {
    if (encoding !== undefined && !isLossless(encoding)) {
      return true;
    }
    return (
      (await sameBytes(existing, source)) ||
      (encoding !== undefined &&
        (await samePixels({ mediaType: file.mediaType, source: existing }, file).catch(() => false)))
    );
  };
}
