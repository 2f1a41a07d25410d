import { npyMediaType } from '@image-stream/codec';

/** The encodings that images can be given. */
export const encodings = ['png', 'jpeg', 'webp', 'avif', 'tiff', 'gif', 'npy'] as const;
/** What people also call them, as files are named. */
export const encodingSynonyms = { jpg: 'jpeg', tif: 'tiff' } as const;
/** One of `encodings`. */
export type Encoding = (typeof encodings)[number];

/** What an encoding of image files can hold. */
export interface Ability {
  /** Whether every pixel comes back as it went in. */
  readonly isLossless: boolean;
  /** Most rows or columns that libvips writes; for JPEG and AVIF, the format itself has room for more. */
  readonly maxSide: number;
  readonly has16Bits: boolean;
  /** Whether pixels can be transparent: in any degree, or only as a whole. */
  readonly hasAlpha: boolean | 'all or none';
  /** Whether one channel stays one channel. */
  readonly hasGrey: boolean;
  readonly hasProfile: boolean;
  /** The encodings whose frames, or pages, it can take over. */
  readonly framesOf: readonly Encoding[];
}

export const abilities: Record<Exclude<Encoding, 'npy'>, Ability> = {
  png: {
    isLossless: true,
    maxSide: 2 ** 31 - 1,
    has16Bits: true,
    hasAlpha: true,
    hasGrey: true,
    hasProfile: true,
    framesOf: [],
  },
  jpeg: {
    isLossless: false,
    maxSide: 65_500,
    has16Bits: false,
    hasAlpha: false,
    hasGrey: true,
    hasProfile: true,
    framesOf: [],
  },
  webp: {
    isLossless: false,
    maxSide: 16_383,
    has16Bits: false,
    hasAlpha: true,
    hasGrey: false,
    hasProfile: true,
    framesOf: ['gif', 'webp'],
  },
  avif: {
    isLossless: false,
    maxSide: 16_384,
    has16Bits: false,
    hasAlpha: true,
    hasGrey: false,
    hasProfile: true,
    framesOf: [],
  },
  tiff: {
    isLossless: true,
    maxSide: 2 ** 31 - 1,
    has16Bits: true,
    hasAlpha: true,
    hasGrey: true,
    hasProfile: true,
    framesOf: ['tiff'],
  },
  gif: {
    isLossless: false,
    maxSide: 65_535,
    has16Bits: false,
    hasAlpha: 'all or none',
    hasGrey: false,
    hasProfile: false,
    framesOf: ['gif', 'webp'],
  },
};

/** True where every pixel comes back as it went in. */
export function isLossless(encoding: Encoding): boolean {
  return encoding === 'npy' || abilities[encoding].isLossless;
}

/** The media type of an encoding, as in a `content-type` header: `image/png`, ..., `application/x-npy`. */
export function mediaTypeOf(encoding: Encoding): string {
  return encoding === 'npy' ? npyMediaType : `image/${encoding}`;
}

/** The encoding of a media type; undefined for one that cannot be written. */
export function encodingOf(mediaType: string): Encoding | undefined {
  return encodings.find((encoding) => mediaType === mediaTypeOf(encoding));
}
