import type { EncodedImage, Image } from '@image-stream/codec';
import type { Sharp } from 'sharp';
import { decoded } from './libvips.ts';
import { openImage } from './opened-image.ts';

type Content = Image['content'];

/** How to make a preview. */
export interface PreviewOptions {
  /** Width times height of an image that is decoded. Default: as `inspectImage`. */
  readonly maxImagePixels?: number | undefined;
}

/**
 * A small square of an image as WebP: upright, in sRGB, cut to its middle; of an animation, the first frame. Unlike
 * `transcode`, it drops what a small picture has no room for.
 *
 * @param side in pixels; what is shorter of the image stays as it is
 * @throws ImageIoError as `transcode`
 */
export async function thumbnailOf(
  content: Content,
  side: number,
  options: PreviewOptions = {},
): Promise<EncodedImage> {
  const image = await firstFrame(content, options);
  const small = { width: side, height: side, fit: 'cover', withoutEnlargement: true } as const;
  const bytes = await decoded(() => image.resize(small).webp({ quality: 80, effort: 0 }).toBuffer());
  return { mediaType: 'image/webp', bytes };
}

/**
 * All of an image as a PNG that any browser shows: upright, in sRGB, 8 bits a channel, the first frame.
 *
 * @throws ImageIoError as `transcode`
 */
export async function previewOf(content: Content, options: PreviewOptions = {}): Promise<EncodedImage> {
  const image = await firstFrame(content, options);
  return {
    mediaType: 'image/png',
    bytes: await decoded(() => image.png({ compressionLevel: 3 }).toBuffer()),
  };
}

async function firstFrame(content: Content, { maxImagePixels }: PreviewOptions): Promise<Sharp> {
  const { image } = await openImage(content, { maxImagePixels, firstFrameOnly: true });
  return image.autoOrient().toColourspace('srgb');
}
