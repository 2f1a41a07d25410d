import { appendFile, writeFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { bytesOf, encodeNpy, isPixelArray, pixelArray } from '@image-stream/codec';
import type { EncodedImage, Image, Limits, PixelArray } from '@image-stream/codec';
import type { Sharp } from 'sharp';
import { decoded } from './libvips.ts';
import { abilities, encodingOf, mediaTypeOf } from './encodings.ts';
import type { Encoding } from './encodings.ts';
import { ImageIoError } from './errors.ts';
import { notReencoded, openImage } from './opened-image.ts';
import type { Levels, OpenedImage, OpenOptions } from './opened-image.ts';
import { encodePhotograph, pngForm } from './png.ts';

type Content = Image['content'];

type Decoding = TranscodeOptions & Pick<OpenOptions, 'ignoresWarnings'>;

/** Columns and rows, in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** How to transcode. */
export interface TranscodeOptions extends Pick<Limits, 'raisedBy'> {
  /** 1 to 100, for jpeg, webp and avif. Default: sharp's own, 80 for jpeg and webp, 50 for avif. */
  readonly quality?: number | undefined;
  /** Shrinks what is larger to fit inside, keeping its proportions. Default: every pixel stays. */
  readonly resize?: Size | undefined;
  /** Width times height times frames of an image that is decoded. Default: as `inspectImage`. */
  readonly maxImagePixels?: number | undefined;
}

/**
 * What an image has to be encoded in to become what is wanted; undefined where it can stay as it is.
 *
 * @param wanted `original` keeps the encoding that it has
 * @throws ImageIoError as `transcode`
 */
export async function encodingNeeded(
  content: Content,
  wanted: 'original' | Encoding,
  options: TranscodeOptions,
): Promise<Encoding | undefined> {
  const own = isPixelArray(content) ? 'npy' : encodingOf(content.mediaType);
  const target = wanted === 'original' ? own : wanted;
  if (options.resize === undefined) {
    if (target !== own || options.quality !== undefined) {
      return target;
    }
    const isAsWanted = wanted === 'original' || own === 'npy' || (await isUprightAndWhole(content, options));
    return isAsWanted ? undefined : target;
  }
  return (await isLarger(content, options.resize, options))
    ? target
    : encodingNeeded(content, wanted, { ...options, resize: undefined });
}

/** Whether an image is shown as its pixels lie in the file, after making sure that all of them can be decoded. */
async function isUprightAndWhole(content: Content, options: TranscodeOptions): Promise<boolean> {
  return despiteWarnings(async (ignoresWarnings) => {
    const { image, isUpright } = await openImage(content, { ...options, ignoresWarnings });
    if (isUpright) {
      await decoded(() => image.stats());
    }
    return isUpright;
  });
}

/** Whether an image does not fit into a size. @throws ImageIoError as `transcode` */
export async function isLarger(
  content: Content,
  size: Size,
  options: Pick<TranscodeOptions, 'maxImagePixels' | 'raisedBy'> = {},
): Promise<boolean> {
  const { width, height } = await openImage(content, options);
  return width > size.width || height > size.height;
}

/**
 * An image in another encoding, off the main thread. Afterwards it is upright, whatever its EXIF data said. EXIF data and
 * the colour profile stay with it where the encoding has room for them; without the profile, colours become sRGB. What an
 * encoding has no room for is never dropped in silence: 16 bits a channel, transparency, the frames of an animation.
 *
 * @throws ImageIoError `INVALID_IMAGE` when the image cannot be decoded, `LIMIT_EXCEEDED` when it has too many pixels,
 * `UNSUPPORTED` when the encoding cannot hold it
 */
export async function transcode(
  content: Content,
  encoding: Encoding,
  options: TranscodeOptions = {},
): Promise<EncodedImage> {
  const bytes = await despiteWarnings(async (ignoresWarnings) => {
    const made = await encodedBy(content, encoding, { ...options, ignoresWarnings });
    return Buffer.isBuffer(made) ? made : decoded(() => made.toBuffer());
  });
  return { mediaType: mediaTypeOf(encoding), bytes };
}

/**
 * As `transcode`, into a file. Of a stored image, neither it nor the result is whole in memory where its format can be
 * read from top to bottom; npy is.
 */
export async function transcodeToFile(
  content: Content,
  encoding: Encoding,
  path: string,
  options: TranscodeOptions = {},
): Promise<{ readonly mediaType: string }> {
  await despiteWarnings(async (ignoresWarnings) => {
    const made = await encodedBy(content, encoding, { ...options, ignoresWarnings });
    await (Buffer.isBuffer(made) ? writeFile(path, made) : encodedTo(path, made));
  });
  return { mediaType: mediaTypeOf(encoding) };
}

/** Into a file. Where that fails, the disk is asked: libvips keeps reasons for the whole process, and mixes them up. */
async function encodedTo(path: string, image: Sharp): Promise<void> {
  try {
    await decoded(() => image.toFile(path));
  } catch (error) {
    await appendFile(path, Buffer.alloc(65_536));
    throw error;
  }
}

/**
 * Decoders warn of damaged pixels, and of much else that harms nobody. Where it was the latter, an image is decoded once more
 * without regard to warnings.
 */
async function despiteWarnings<T>(decode: (ignoresWarnings: boolean) => Promise<T>): Promise<T> {
  try {
    return await decode(false);
  } catch (error) {
    if (error instanceof ImageIoError && error.cause instanceof Error && isHarmless(error.cause.message)) {
      return decode(true);
    }
    throw error;
  }
}

/** libtiff's warnings but those of its decoders of fax, PackBits and JPEG; of libjpeg, what is in the header. */
function isHarmless(message: string): boolean {
  return (
    (message.includes('Warning treated as error') &&
      !/corrupt|premature|discarding|bad |line length|uncompressed|huffman|scan/i.test(message)) ||
    /unknown JFIF revision|Unknown Adobe color transform/.test(message)
  );
}

/**
 * The pixels of an image, upright and in sRGB; grey stays grey, 16 bits stay 16 bits.
 *
 * @throws ImageIoError as `transcode`; `UNSUPPORTED` also for an image of several frames
 */
export async function decodePixels(content: Content, options: TranscodeOptions = {}): Promise<PixelArray> {
  return despiteWarnings((ignoresWarnings) => pixelsOf(content, { ...options, ignoresWarnings }));
}

async function pixelsOf(content: Content, options: Decoding): Promise<PixelArray> {
  if (isPixelArray(content) && options.resize === undefined) {
    return content;
  }
  const opened = await openImage(content, options);
  if (opened.pixels !== undefined && options.resize === undefined) {
    return opened.pixels;
  }
  assertReencodable(opened);
  assertFrames(opened, 'npy', []);
  const { isGrey, is16Bit, hasAlpha } = opened;
  const image = processed(opened, options, { hasGrey: true, hasProfile: false });
  // sharp's raw output drops the alpha of 8-bit grey, so that one comes as RGBA.
  const isGreyAlpha = isGrey && hasAlpha && !is16Bit;
  const raw = (isGreyAlpha ? image.toColourspace('srgb') : image).raw({
    depth: is16Bit ? 'ushort' : 'uchar',
  });
  const { data, info } = await decoded(() => raw.toBuffer({ resolveWithObject: true }));
  const { height, width, channels } = info;
  const dtype = is16Bit ? 'uint16' : 'uint8';
  if (isGreyAlpha) {
    return pixelArray([height, width, 2], dtype, await firstAndLastOf(data));
  }
  return pixelArray(channels === 1 ? [height, width] : [height, width, channels], dtype, data);
}

/** Grey and alpha of RGBA pixels; so many at a time that others have their turn. */
async function firstAndLastOf(rgba: Uint8Array): Promise<Uint8Array> {
  const greyAlpha = new Uint8Array(rgba.length / 2);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 2) {
    greyAlpha[to] = rgba[from]!;
    greyAlpha[to + 1] = rgba[from + 3]!;
    if (from % (4 * 1024 ** 2) === 0) {
      await setImmediate();
    }
  }
  return greyAlpha;
}

/** Whether two images show the same pixels, however they were compressed. @throws ImageIoError as `decodePixels` */
export async function samePixels(
  one: Content,
  other: Content,
  options: TranscodeOptions = {},
): Promise<boolean> {
  const [a, b] = await Promise.all([decodePixels(one, options), decodePixels(other, options)]);
  return a.dtype === b.dtype && a.shape.join() === b.shape.join() && bytesOf(a).equals(bytesOf(b));
}

/** The file, or what makes it: npy and some PNG are made without libvips. */
async function encodedBy(content: Content, encoding: Encoding, options: Decoding): Promise<Buffer | Sharp> {
  if (encoding === 'npy') {
    return encodeNpy(await pixelsOf(content, options));
  }
  const opened = await openImage(content, options);
  const { hasAlpha, framesOf } = abilities[encoding];
  assertReencodable(opened);
  assertFrames(opened, encoding, framesOf);
  assertDepth(opened, encoding);
  assertSize(opened, encoding, options);
  const dropsAlpha = opened.hasAlpha && hasAlpha === false;
  if (dropsAlpha) {
    await assertOpaque(opened, encoding);
  } else if (opened.hasAlpha && hasAlpha === 'all or none') {
    await assertAllOrNone(opened, encoding);
  }
  // What is shrunk is no longer what is in memory.
  const pixels = encoding === 'png' && options.resize === undefined ? opened.pixels : undefined;
  const form = pixels && pngForm(pixels);
  if (pixels !== undefined && form === 'photograph') {
    return encodePhotograph(pixels);
  }
  const image = processed(opened, options, abilities[encoding]);
  const { quality } = options;
  const lossy = { ...(quality !== undefined && { quality }) };
  return {
    png: () => image.png({ compressionLevel: form === 'noise' ? 0 : 6 }),
    jpeg: () => (dropsAlpha ? image.removeAlpha() : image).jpeg(lossy),
    webp: () => image.webp(lossy),
    avif: () => image.avif(lossy),
    tiff: () => image.tiff({ compression: 'deflate', predictor: 'horizontal' }),
    gif: () => image.gif({ keepDuplicateFrames: true }),
  }[encoding]();
}

/** The spaces of images whose pixels are kept as they are; others, such as CMYK, are converted to sRGB. */
const nativeSpaces = new Set(['b-w', 'grey16', 'srgb', 'rgb16']);

/** Upright, shrunk, and in a colour space that its pixels keep where they can. */
function processed(
  { image, is16Bit, isGrey, hasProfile, space, levels }: OpenedImage,
  { resize }: TranscodeOptions,
  target: { readonly hasGrey: boolean; readonly hasProfile: boolean },
): Sharp {
  const upright = image.autoOrient();
  const sized = resize ? upright.resize({ ...resize, fit: 'inside', withoutEnlargement: true }) : upright;
  const shrunk = levels ? stretched(sized, levels, is16Bit ? 65_535 : 255) : sized;
  const keepsSpace = nativeSpaces.has(space) && (target.hasGrey || !isGrey);
  const keepsProfile = target.hasProfile && keepsSpace;
  const described = keepsProfile ? shrunk.keepExif().keepIccProfile() : shrunk.keepExif();
  // On its own, sharp turns 16 bits with a profile into Display P3.
  const coloured = hasProfile && !keepsProfile && is16Bit ? described.withIccProfile('srgb') : described;
  // On its own, sharp turns grey into RGB and 16 bits into 8.
  return keepsSpace
    ? coloured.pipelineColourspace(space).toColourspace(space)
    : coloured.toColourspace(is16Bit ? 'rgb16' : 'srgb');
}

/** Black to 0 and white to the largest value; libvips rounds down. */
function stretched(image: Sharp, levels: readonly Levels[], largest: number): Sharp {
  const factors = levels.map(({ black, white }) => largest / (white - black));
  return image.linear(
    factors,
    levels.map(({ black }, channel) => 0.5 - black * factors[channel]!),
  );
}

/** That re-encoding loses nothing and shows nothing wrongly. */
function assertReencodable({ onlyOriginal }: OpenedImage): void {
  if (onlyOriginal !== undefined) {
    throw notReencoded(onlyOriginal);
  }
}

function assertFrames(
  { frames, encoding: own }: OpenedImage,
  encoding: Encoding,
  framesOf: readonly Encoding[],
): void {
  if (frames > 1 && !(own !== undefined && framesOf.includes(own))) {
    const holders = Object.entries(abilities).filter(([, ability]) => ability.framesOf.includes(own!));
    const instead = ['original', ...holders.map(([name]) => name)].join(' or ');
    throw unsupported(`image has ${frames} frames, ${encoding} takes one of these; use ${instead}`);
  }
}

function assertDepth({ is16Bit }: OpenedImage, encoding: Exclude<Encoding, 'npy'>): void {
  if (is16Bit && !abilities[encoding].has16Bits) {
    throw unsupported(`image has 16 bits a channel, ${encoding} holds 8; use png, tiff or npy`);
  }
}

function assertSize(
  { width, height }: OpenedImage,
  encoding: Exclude<Encoding, 'npy'>,
  { resize }: TranscodeOptions,
): void {
  const { maxSide } = abilities[encoding];
  const scale = resize ? Math.min(1, resize.width / width, resize.height / height) : 1;
  if (Math.max(width, height) * scale > maxSide) {
    const size = `${Math.round(width * scale)} x ${Math.round(height * scale)}`;
    throw unsupported(
      `image has ${size} pixels, ${encoding} takes at most ${maxSide} a side; use png or tiff, or --resize`,
    );
  }
}

async function assertOpaque({ image }: OpenedImage, encoding: Encoding): Promise<void> {
  const { isOpaque } = await decoded(() => image.clone().stats());
  if (!isOpaque) {
    throw unsupported(`image is transparent in places, ${encoding} cannot be; use png, webp, avif or tiff`);
  }
}

async function assertAllOrNone({ image }: OpenedImage, encoding: Encoding): Promise<void> {
  const { channels } = await decoded(() => image.clone().stats());
  const { sum, squaresSum } = channels.at(-1)!;
  // Of values from 0 to 255, only these two are as large squared as times 255.
  if (squaresSum !== 255 * sum) {
    throw unsupported(
      `image is partly transparent in places, ${encoding} knows only all or nothing; use png, webp, avif or tiff`,
    );
  }
}

function unsupported(problem: string): ImageIoError {
  return new ImageIoError('UNSUPPORTED', problem);
}
