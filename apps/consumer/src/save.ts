import { extensionOf, isPixelArray } from '@image-stream/codec';
import type { EncodedImage, Image } from '@image-stream/codec';
import { imagePath, ImageIoError, isLossless, samePixels, transcode } from '@image-stream/image-io';
import type { Encoding, ImageStore, SameContent, Saved } from '@image-stream/image-io';

export interface SaveOptions {
  readonly store: ImageStore;
  /** `original`: encoded images as received, pixels as png. */
  readonly saveAs: 'original' | Encoding;
  readonly timeZone: string;
  readonly overwrite: boolean;
  readonly maxImagePixels?: number | undefined;
}

/** Saves an image under the path that its ids and date give, in the encoding that was asked for. */
export async function saveImage(
  image: Image,
  { store, saveAs, timeZone, overwrite, maxImagePixels }: SaveOptions,
): Promise<Saved> {
  const { content } = image;
  const encoding = encodingOf(content, saveAs);
  const file =
    encoding === undefined
      ? (content as EncodedImage)
      : await transcode(content, encoding, { maxImagePixels });
  const extension = extensionOf(file.mediaType);
  if (extension === undefined) {
    throw new ImageIoError('UNSUPPORTED', `images of type ${file.mediaType} cannot be saved`);
  }
  return store.save(imagePath(image, extension, timeZone), file.bytes, sameAs(file, encoding), overwrite);
}

/** What to encode in; undefined for an image that is saved as received. */
function encodingOf(content: Image['content'], saveAs: SaveOptions['saveAs']): Encoding | undefined {
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
    if (existing.equals(file.bytes) || (encoding !== undefined && !isLossless(encoding))) {
      return true;
    }
    return (
      encoding === 'png' && samePixels({ mediaType: 'image/png', bytes: existing }, file).catch(() => false)
    );
  };
}
