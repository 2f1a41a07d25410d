/** The media type of NumPy arrays: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
export const npyMediaType = 'application/x-npy';

/** So many of the first bytes always show a media type: room for 60 brands of AVIF, of which files have a few. */
export const mediaTypeBytes = 256;

const ascii = (text: string): number[] => Array.from(Buffer.from(text, 'latin1'));

type Mark = readonly [offset: number, bytes: readonly number[]];

/** What is at an offset of a file of each type: the image formats that travel, and NPY. */
export const signatures: readonly {
  readonly mediaType: string;
  readonly extension: string;
  readonly at: readonly [Mark, ...Mark[]];
}[] = [
  { mediaType: 'image/png', extension: 'png', at: [[0, [0x89, ...ascii('PNG\r\n\x1a\n')]]] },
  { mediaType: 'image/jpeg', extension: 'jpg', at: [[0, [0xff, 0xd8, 0xff]]] },
  {
    mediaType: 'image/webp',
    extension: 'webp',
    at: [
      [0, ascii('RIFF')],
      [8, ascii('WEBP')],
    ],
  },
  { mediaType: 'image/avif', extension: 'avif', at: [[4, ascii('ftypavif')]] },
  { mediaType: 'image/avif', extension: 'avif', at: [[4, ascii('ftypavis')]] },
  { mediaType: 'image/tiff', extension: 'tif', at: [[0, [...ascii('II'), 42, 0]]] },
  { mediaType: 'image/tiff', extension: 'tif', at: [[0, [...ascii('MM'), 0, 42]]] },
  { mediaType: 'image/tiff', extension: 'tif', at: [[0, [...ascii('II'), 43, 0]]] },
  { mediaType: 'image/tiff', extension: 'tif', at: [[0, [...ascii('MM'), 0, 43]]] },
  { mediaType: 'image/gif', extension: 'gif', at: [[0, ascii('GIF87a')]] },
  { mediaType: 'image/gif', extension: 'gif', at: [[0, ascii('GIF89a')]] },
  { mediaType: npyMediaType, extension: 'npy', at: [[0, [0x93, ...ascii('NUMPY')]]] },
];

/**
 * The media type that the first bytes show, whatever a name or a header claims; undefined for none that is known. `mediaTypeBytes`
 * are always enough.
 */
export function sniffMediaType(bytes: Uint8Array): string | undefined {
  if (isApart(bytes)) {
    return undefined;
  }
  const known = signatures.find(({ at }) =>
    at.every(([offset, expected]) => expected.every((byte, index) => bytes[offset + index] === byte)),
  )?.mediaType;
  return known ?? (hasAvifBrand(bytes) ? 'image/avif' : undefined);
}

/** Begins as a PNG or JPEG does, and is read by nothing that reads those: a PNG of iOS (CgBI), JPEG-LS. */
function isApart(bytes: Uint8Array): boolean {
  const isJpegLs = bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff && bytes[3] === 0xf7;
  return isJpegLs || (bytes[0] === 0x89 && ascii('CgBI').every((byte, index) => bytes[12 + index] === byte));
}

/** Files of a family of formats begin with a box of its length, `ftyp`, a brand, a version and all brands that they conform to. */
function hasAvifBrand(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, mediaTypeBytes));
  if (start.length < 16 || start.toString('latin1', 4, 8) !== 'ftyp') {
    return false;
  }
  const brands = start.toString('latin1', 16, start.readUInt32BE()).match(/.{4}/gs);
  return brands?.some((brand) => brand === 'avif' || brand === 'avis') === true;
}

/** The usual file name extension of a media type that travels, without the dot. */
export function extensionOf(mediaType: string): string | undefined {
  return signatures.find((signature) => signature.mediaType === mediaType)?.extension;
}
