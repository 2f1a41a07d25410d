import { ImageIoError } from '../errors.ts';
import { Truncated } from './reader.ts';
import type { Reader, Structure } from './reader.ts';
import { directoryAt, numberIn } from './tiff-directory.ts';
import type { Directory } from './tiff-directory.ts';
import { samplesOf } from './tiff-samples.ts';
import type { Samples } from './tiff-samples.ts';

/** Pages of a file, and pictures below them. */
const maxDirectories = 65_536;

/** A decoder looks for each page from the beginning of the file. */
const maxUndecided = 100;

/** Strips or tiles of one page. */
const maxPieces = 4_000_000;

/** The tags that say where pixels are. https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf */
const tags = {
  subfileType: 254,
  width: 256,
  height: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  stripOffsets: 273,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  planar: 284,
  tileWidth: 322,
  tileLength: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  subIfds: 330,
  jpegStart: 513,
  jpegBytes: 514,
  jpegQuantization: 519,
  jpegDcTables: 520,
  jpegAcTables: 521,
};

/**
 * TIFF: a chain of directories, each of which says where the strips or tiles of a page are, and which other directories
 * are below it: the picture of a DNG, the levels of a pyramid. All pixels must lie within the file. The dimensions are
 * those of the largest picture; frames are the pages, without smaller copies of pages. A chain that comes back to
 * where it was ends there, as for libtiff.
 */
export async function inspectTiff(reader: Reader): Promise<Structure> {
  const header = await reader.at(0, 16 > reader.size ? 8 : 16);
  const isLittle = header[0] === 0x49;
  const isBig = (isLittle ? header.readUInt16LE(2) : header.readUInt16BE(2)) === 43;
  const layout = { isLittle, isBig };
  if (isBig && header.length < 16) {
    throw new Truncated();
  }
  const seen = new Set<number>();
  const largest = { width: 0, height: 0 };
  const undecided: number[] = [];
  const chain: Page[] = [];

  const follow = async (start: number, isPage: boolean): Promise<void> => {
    for (let place = start; place !== 0 && !seen.has(place);) {
      if (seen.size >= maxDirectories) {
        throw tooManyDirectories();
      }
      seen.add(place);
      const directory = await directoryAt(reader, layout, place);
      const width = await directory.number(tags.width, 0);
      const height = await directory.number(tags.height, 0);
      if (width * height > largest.width * largest.height) {
        Object.assign(largest, { width, height });
      }
      if (isPage) {
        // The first bit marks a smaller copy of another page, as in a pyramid.
        const isCopy = ((await directory.number(tags.subfileType, 0)) & 1) === 1;
        chain.push({ number: chain.length, width, height, isCopy, ...(await samplesOf(directory)) });
      }
      await assertPixels(reader, directory, { width, height, isPage });
      await assertJpegTables(reader, directory);
      if (isPage && (await isUnusual(directory))) {
        undecided.push(chain.length - 1);
      }
      const belowCount = directory.count(tags.subIfds);
      if (belowCount > maxDirectories) {
        throw tooManyDirectories();
      }
      for (const below of await directory.numbers(tags.subIfds, 0, belowCount)) {
        await follow(below, false);
      }
      place = directory.next;
    }
  };
  await follow(isBig ? numberIn(header, layout, 8, 8) : numberIn(header, layout, 4, 4), true);
  if (undecided.length > maxUndecided) {
    throw new ImageIoError(
      'INVALID_IMAGE',
      `TIFF file has ${undecided.length} pages that do not say how to read them`,
    );
  }
  const originals = chain.filter(({ isCopy }) => !isCopy);
  const shown = originals.length > 0 ? originals : chain.slice(0, 1);
  return {
    ...largest,
    frames: Math.max(1, shown.length),
    undecided,
    firstPage: shown[0]?.number ?? 0,
    hidesDamage: shown.some(({ hidesDamage }) => hidesDamage),
    onlyOriginal: onlyOriginal(shown, largest),
  };
}

interface Page extends Samples {
  /** Of it in the chain. */
  readonly number: number;
  readonly isCopy: boolean;
  readonly width: number;
  readonly height: number;
}

/** What re-encoding cannot take over of the pages that are shown. */
function onlyOriginal(
  pages: readonly Page[],
  { width, height }: Pick<Structure, 'width' | 'height'>,
): string | undefined {
  const [first, ...others] = pages;
  if (!pages.some((page) => page.width * page.height >= width * height)) {
    return `holds its picture of ${width} x ${height} pixels below a smaller page, as raw files of cameras do`;
  }
  if (others.some((page) => page.width !== first!.width || page.height !== first!.height)) {
    return 'holds pages of different sizes';
  }
  if (others.some(({ form }) => form !== first!.form)) {
    return 'holds pages of different kinds';
  }
  if (pages.at(-1)!.number - first!.number !== others.length) {
    return 'holds smaller copies between its pages';
  }
  return pages.find(({ isOtherwise }) => isOtherwise !== undefined)?.isOtherwise;
}

function tooManyDirectories(): ImageIoError {
  return new ImageIoError('LIMIT_EXCEEDED', `TIFF file has more than ${maxDirectories} directories`);
}

/**
 * Whether a page leaves out what decoders need, and some guess rightly: how long a strip is that is compressed, how large
 * samples are.
 */
async function isUnusual(directory: Directory): Promise<boolean> {
  const isCompressed = (await directory.number(tags.compression, 1)) !== 1;
  const counts = directory.count(tags.stripByteCounts) > 0 ? tags.stripByteCounts : tags.tileByteCounts;
  const isRgb = (await directory.number(tags.photometric, 0)) === 2;
  return (
    (isCompressed && (await directory.number(counts, 0)) === 0) ||
    (isRgb && directory.count(tags.bitsPerSample) === 0) ||
    (await directory.number(tags.rowsPerStrip, 1)) === 0
  );
}

/** That the strips or tiles of a picture lie within the file. */
async function assertPixels(
  reader: Reader,
  directory: Directory,
  size: { readonly width: number; readonly height: number; readonly isPage: boolean },
): Promise<void> {
  const [offsets, counts] =
    directory.count(tags.stripOffsets) > 0
      ? [tags.stripOffsets, tags.stripByteCounts]
      : [tags.tileOffsets, tags.tileByteCounts];
  if (directory.count(offsets) === 0) {
    await assertJpeg(reader, directory, size.isPage);
    return;
  }
  const samples = await directory.number(tags.samplesPerPixel, 1);
  if ((await directory.number(tags.photometric, 0)) === 2 && samples < 3) {
    throw new ImageIoError('INVALID_IMAGE', `TIFF page in RGB has ${samples} samples a pixel`);
  }
  const { pieces, pieceBytes } = await piecesOf(directory, size);
  if (pieces > maxPieces) {
    throw new ImageIoError(
      'LIMIT_EXCEEDED',
      `TIFF page of ${pieces} pieces exceeds the limit of ${maxPieces}`,
    );
  }
  if (directory.count(offsets) < pieces) {
    throw new ImageIoError(
      'INVALID_IMAGE',
      `TIFF page of ${pieces} strips or tiles says only of ${directory.count(offsets)} where they are`,
    );
  }
  const hasCounts = directory.count(counts) >= pieces;
  // The tables may be long: a stretch of each in turn.
  const step = 4096;
  for (let first = 0; first < pieces; first += step) {
    const length = Math.min(step, pieces - first);
    const starts = await directory.numbers(offsets, first, length);
    const stored = hasCounts ? await directory.numbers(counts, first, length) : [];
    const isWithin = starts.every((start, index) => {
      const needed = pieceBytes?.(first + index);
      return start + bytesRead(needed, stored[index], pieces) <= reader.size;
    });
    if (!isWithin) {
      throw new Truncated();
    }
  }
}

/**
 * How many bytes of a piece decoders read. Of one that is not compressed they know how many there must be, and that
 * a count is often wrong where there is only one piece.
 */
function bytesRead(needed: number | undefined, stored: number | undefined, pieces: number): number {
  if (needed === undefined) {
    return stored ?? 0;
  }
  return stored === undefined || pieces === 1 ? needed : Math.min(needed, stored);
}

/** How many strips or tiles a picture consists of, and the bytes of each where they are not compressed. */
async function piecesOf(
  directory: Directory,
  { width, height }: { readonly width: number; readonly height: number },
): Promise<{ pieces: number; pieceBytes: ((index: number) => number) | undefined }> {
  const samples = await directory.number(tags.samplesPerPixel, 1);
  const isPlanar = (await directory.number(tags.planar, 1)) === 2;
  const isTiled = directory.count(tags.tileWidth) > 0;
  const columns = isTiled ? Math.max(1, await directory.number(tags.tileWidth, width)) : width;
  const rows = isTiled
    ? Math.max(1, await directory.number(tags.tileLength, height))
    : Math.min(height, (await directory.number(tags.rowsPerStrip, height)) || height);
  const down = Math.ceil(height / rows);
  const perPlane = down * Math.ceil(width / columns);
  const pieces = perPlane * (isPlanar ? samples : 1);

  // Of YCbCr, neighbours share their colour; its rows have other lengths.
  const isPlain =
    (await directory.number(tags.compression, 1)) === 1 &&
    (await directory.number(tags.photometric, 0)) !== 6;
  if (!isPlain) {
    return { pieces, pieceBytes: undefined };
  }
  const bits = await directory.number(tags.bitsPerSample, 1);
  const rowBytes = Math.ceil((columns * bits * (isPlanar ? 1 : samples)) / 8);
  const lastRows = isTiled ? rows : height - (down - 1) * rows;
  return {
    pieces,
    pieceBytes: (index) => rowBytes * (!isTiled && index % down === down - 1 ? lastRows : rows),
  };
}

/** A preview of a camera is a JPEG of its own, and a directory below a page may hold no picture at all. */
async function assertJpeg(reader: Reader, directory: Directory, isPage: boolean): Promise<void> {
  const start = await directory.number(tags.jpegStart, 0);
  if (start + (await directory.number(tags.jpegBytes, 0)) > reader.size) {
    throw new Truncated();
  }
  if (start === 0 && isPage) {
    throw new ImageIoError('INVALID_IMAGE', 'TIFF file does not say where its pixels are');
  }
}

/** In an old form of JPEG in TIFF, the tables lie anywhere in the file: of 64 bytes, or 16 counts and as many bytes. */
async function assertJpegTables(reader: Reader, directory: Directory): Promise<void> {
  for (const tag of [tags.jpegQuantization, tags.jpegDcTables, tags.jpegAcTables]) {
    // There is a table for each sample, of which pixels have a few.
    for (const start of await directory.numbers(tag, 0, Math.min(directory.count(tag), 16))) {
      const bytes =
        tag === tags.jpegQuantization ? 64 : 16 + (await reader.at(start, 16)).reduce((a, b) => a + b, 0);
      if (start + bytes > reader.size) {
        throw new Truncated();
      }
    }
  }
}
