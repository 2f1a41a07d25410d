import type { Directory } from './tiff-directory.ts';

/** What the samples of a page are, as far as it matters to who decodes them. */
export interface Samples {
  /** What no decoder here shows rightly, as "it ...". */
  readonly isOtherwise: string | undefined;
  /** Kind, number and bits of the samples, to tell pages apart. */
  readonly form: string;
  /** Whether decoders only warn of damage: of fax, PackBits and JPEG. */
  readonly hidesDamage: boolean;
}

/** https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf */
const tags = {
  bits: 258,
  compression: 259,
  photometric: 262,
  samplesPerPixel: 277,
  inkSet: 332,
  extraSamples: 338,
};

const jpeg = 7;

/** The compressions of which damage is a warning: CCITT, JPEG in its old form and in its new one, PackBits. */
const lenient = new Set([2, 3, 4, 6, jpeg, 32_773]);

/** How many samples a pixel has for its colour: white is zero, black is zero, RGB, palette, separated, YCbCr. */
const colours: Record<number, number> = { 0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3 };

const names: Record<number, string> = {
  4: 'a transparency mask',
  6: 'YCbCr without the JPEG compression of today',
  8: 'CIELab',
  9: 'ICCLab',
  10: 'ITULab',
  32_803: 'the colours of a sensor, as raw files of cameras are',
  32_844: 'LogL',
  32_845: 'LogLuv',
  34_892: 'linear values of a sensor, as raw files of cameras are',
};

export async function samplesOf(directory: Directory): Promise<Samples> {
  const compression = await directory.number(tags.compression, 1);
  const photometric = await directory.number(tags.photometric, 1);
  const samples = await directory.number(tags.samplesPerPixel, 1);
  const bits = await directory.number(tags.bits, 1);
  return {
    form: `${photometric} ${samples} ${bits}`,
    hidesDamage: lenient.has(compression),
    isOtherwise: await otherwise(directory, { compression, photometric, samples, bits }),
  };
}

async function otherwise(
  directory: Directory,
  {
    compression,
    photometric,
    samples,
    bits,
  }: Record<'compression' | 'photometric' | 'samples' | 'bits', number>,
): Promise<string | undefined> {
  const colour = colours[photometric];
  if (colour === undefined || (photometric === 6 && compression !== jpeg)) {
    return `is in ${names[photometric] ?? `colours of kind ${photometric}`}`;
  }
  if (photometric === 5 && (await directory.number(tags.inkSet, 1)) !== 1) {
    return 'is in inks other than CMYK';
  }
  if (!(bits % 8 === 0 && bits !== 24) && !(samples === 1 && [1, 2, 4].includes(bits))) {
    return `has ${samples === 1 ? 'a sample' : `${samples} samples`} of ${bits} bits a pixel`;
  }
  const extra = samples - colour;
  // Without a word of what it is, one more sample is taken for transparency by all readers; 0 says that it is something else.
  const isAlpha = extra === 1 && photometric < 3 && (await directory.number(tags.extraSamples, 2)) !== 0;
  return extra > 0 && !isAlpha
    ? `has ${samples} samples a pixel, of which ${extra === 1 ? 'one is' : `${extra} are`} neither colour nor transparency`
    : undefined;
}
