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
import type { ByteSource, DecodedImage, EncodedImage, ImageAttributes, Limits } from '@image-stream/codec';
import {
  fileSource,
  imagePath,
  ImageIoError,
  inspectImage,
  isLossless,
  sameBytes,
  samePixels,
  sha256Of,
  transcode,
} from '@image-stream/image-io';
import type { Encoding, ImageStore, SameContent, Saved } from '@image-stream/image-io';
import type { AssembledImage } from './assemble.ts';

export interface SaveOptions extends Limits {
  readonly store: ImageStore;
  /** `original`: encoded images as received, pixels as png. */
  readonly saveAs: 'original' | Encoding;
  readonly timeZone: string;
  readonly overwrite: boolean;
}

/** Saves an image under the path that its ids and date give, in the encoding that was asked for. */
export async function saveImage(image: DecodedImage | AssembledImage, options: SaveOptions): Promise<Saved> {
  if ('file' in image) {
    return saveAssembled(image, options);
  }
  const { store, saveAs, maxImagePixels, overwrite } = options;
  const { content } = image;
  if (!isPixelArray(content)) {
    await inspectImage(byteSource(content.bytes), { maxImagePixels });
  }
  const encoding = encodingOf(content, saveAs);
  const file =
    encoding === undefined
      ? (content as EncodedImage)
      : await transcode(content, encoding, { maxImagePixels });
  const path = pathOf(image, file.mediaType, options);
  return store.save(path, file.bytes, sameAs(file, encoding), overwrite);
}

/** An image file that is saved as it came takes no memory; what has to be decoded does. */
async function saveAssembled(image: AssembledImage, options: SaveOptions): Promise<Saved> {
  const { store, saveAs, overwrite } = options;
  const { file, contentEncoding, size } = image;
  const source = await fileSource(file);
  const mediaType = sniffMediaType(await source.read(0, Math.min(size, npyHeadBytes)));
  const isPixels = contentEncoding !== undefined || mediaType === npyMediaType;
  if (isPixels || mediaType === undefined || (saveAs !== 'original' && mediaType !== `image/${saveAs}`)) {
    const bytes = await source.read(0, size);
    const content = await decodePayload(bytes, contentEncoding, resolveLimits(options));
    return saveImage({ ...attributesOf(image), content }, options);
  }
  await inspectImage(source, options);
  const isSame: SameContent = (existing) => sameBytes(existing, source);
  return store.saveFile(pathOf(image, mediaType, options), file, isSame, overwrite);
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
  if (options.saveAs !== 'original' || mediaType === undefined || extensionOf(mediaType) === undefined) {
    return false;
  }
  const existing = await options.store.existing(pathOf(image, mediaType, options));
  return existing?.size === size && (await sha256Of(existing)) === sha256;
}

function pathOf(image: ImageAttributes, mediaType: string, { timeZone }: SaveOptions): string {
  const extension = extensionOf(mediaType);
  if (extension === undefined) {
    throw new ImageIoError('UNSUPPORTED', `images of type ${mediaType} cannot be saved`);
  }
  return imagePath(image, extension, timeZone);
}

function attributesOf({ id, customerId, createdAt }: ImageAttributes): ImageAttributes {
  return { id, customerId, createdAt };
}

/** What to encode in; undefined for an image that is saved as received. */
function encodingOf(content: DecodedImage['content'], saveAs: SaveOptions['saveAs']): Encoding | undefined {
  if (isPixelArray(content)) {
    return saveAs === 'original' ? 'png' : saveAs;
  }
  return saveAs === 'original' || content.mediaType === `image/${saveAs}` ? undefined : saveAs;
}

/**
 * When a file that is there already holds the same image: the same bytes where none were
 * re-encoded, the same pixels where that was lossless (another release of the library may compress
 * them differently), and any where it was not.
 */
function sameAs(file: EncodedImage, encoding: Encoding | undefined): SameContent {
  return async (existing) => {
    if (encoding !== undefined && !isLossless(encoding)) {
      return true;
    }
    return (
      (await sameBytes(existing, byteSource(file.bytes))) ||
      (encoding === 'png' && (await samePngPixels(existing, file).catch(() => false)))
    );
  };
}

async function samePngPixels(existing: ByteSource, file: EncodedImage): Promise<boolean> {
  const bytes = await existing.read(0, existing.size);
  return samePixels({ mediaType: 'image/png', bytes }, file);
}
