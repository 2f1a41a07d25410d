import type { EncodedImage, Image } from '@image-stream/codec';
import type { Sharp } from 'sharp';
import { decoded } from './libvips.ts';
import { openImage } from './opened-image.ts';
import type { Levels, OpenedImage } from './opened-image.ts';

type Content = Image['content'];

/** How to make a preview. */
export interface PreviewOptions {
  /** Width times height of an image that is decoded. Default: as `inspectImage`. */
  readonly maxImagePixels?: number | undefined;
}

/** Of a side, in pixels: what is darkest and brightest is found in so much of an image, where single pixels count for nothing. */
const sampleSide = 440;

/** An image of 16 bits that uses fewer is all dark: cameras of 12 bits end at 4095. */
const fewBits = 2 ** 15;

/**
 * A small square of an image as WebP: upright, in sRGB, cut to its middle; of an animation, the first frame; of 16 bits of which the
 * highest is not used, stretched. Unlike `transcode`, it drops what a small picture has no room for.
 *
 * @param side in pixels; what is shorter of the image stays as it is
 * @throws ImageIoError as `transcode`
 */
export async function thumbnailOf(
  content: Content,
  side: number,
  options: PreviewOptions = {},
): Promise<EncodedImage> {
  const opened = await firstFrame(content, options);
  const small = { width: side, height: side, fit: 'cover', withoutEnlargement: true } as const;
  const used = opened.is16Bit ? await usedLevels(opened) : undefined;
  const image = opened.image.clone().resize(small);
  const shown = used !== undefined && used.white < fewBits ? stretched(image, opened, used) : image;
  return {
    mediaType: 'image/webp',
    bytes: await decoded(() => shown.toColourspace('srgb').webp({ quality: 80, effort: 0 }).toBuffer()),
  };
}

/**
 * All of an image as a PNG that any browser shows: upright, in sRGB, 8 bits a channel, the first frame.
 *
 * @throws ImageIoError as `transcode`
 */
export async function previewOf(
  content: Content,
  {
    stretch = false,
    ...options
  }: PreviewOptions & {
    /** Makes what is darkest black, and what is brightest white. Default: false. */
    readonly stretch?: boolean;
  } = {},
): Promise<EncodedImage> {
  const opened = await firstFrame(content, options);
  const used = stretch ? await usedLevels(opened) : undefined;
  const image = used === undefined ? opened.image : stretched(opened.image, opened, used);
  return {
    mediaType: 'image/png',
    bytes: await decoded(() => image.toColourspace('srgb').png({ compressionLevel: 3 }).toBuffer()),
  };
}

async function firstFrame(content: Content, { maxImagePixels }: PreviewOptions): Promise<OpenedImage> {
  const opened = await openImage(content, { maxImagePixels, firstFrameOnly: true });
  return { ...opened, image: opened.image.autoOrient() };
}

/** What is darkest and brightest in an image; undefined where that cannot be moved, as it is one value, or its values are no light. */
async function usedLevels({
  image,
  is16Bit,
  isGrey,
  hasAlpha,
  space,
}: OpenedImage): Promise<Levels | undefined> {
  if (!['b-w', 'grey16', 'srgb', 'rgb', 'rgb16'].includes(space)) {
    return undefined;
  }
  const colourspace = isGrey ? (is16Bit ? 'grey16' : 'b-w') : is16Bit ? 'rgb16' : 'srgb';
  const { data, info } = await decoded(() =>
    image
      .clone()
      .resize({ width: sampleSide, height: sampleSide, fit: 'inside', withoutEnlargement: true })
      .toColourspace(colourspace)
      .raw({ depth: is16Bit ? 'ushort' : 'uchar' })
      .toBuffer({ resolveWithObject: true }),
  );
  const values = is16Bit ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : data;
  let [black, white] = [Number.POSITIVE_INFINITY, 0];
  values.forEach((value, index) => {
    if (!hasAlpha || (index + 1) % info.channels !== 0) {
      black = Math.min(black, value);
      white = Math.max(white, value);
    }
  });
  return white > black ? { black, white } : undefined;
}

function stretched(
  image: Sharp,
  { is16Bit, isGrey, hasAlpha }: OpenedImage,
  { black, white }: Levels,
): Sharp {
  const gain = (is16Bit ? 65_535 : 255) / (white - black);
  const colours = isGrey ? 1 : 3;
  const gains = [...Array<number>(colours).fill(gain), ...(hasAlpha ? [1] : [])];
  return image.linear(
    gains,
    gains.map((one, index) => (index < colours ? -black * one : 0)),
  );
}
