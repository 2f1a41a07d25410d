// What re-encoding does to colours, depth, transparency and orientation, as Pillow sees it before and after.
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { encodings, transcode } from '@image-stream/image-io';
import type { Encoding } from '@image-stream/image-io';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesIn } from './files.test-support.ts';
import { hasPython, preparePython, python } from './python.test-support.ts';

/** How far a picture is from what it was made from, in values of 0 to 255. */
interface Comparison {
  readonly largest: number;
  readonly mean: number;
  /** Pillow's name of what the samples are. */
  readonly mode: string;
}

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
const execute = promisify(execFile);
const script = fileURLToPath(new URL('pillow-pictures.py', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'image-stream-pillow-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const mediaTypes: Record<string, string> = { '.jpg': 'image/jpeg', '.tif': 'image/tiff' };

/** Transcodes pictures that the script made, and compares what comes out; an error is what it says. */
async function compare(
  names: readonly string[],
  encoding: Encoding,
): Promise<Map<string, Comparison | string>> {
  const found = new Map<string, Comparison | string>();
  const paths: string[][] = [];
  for (const name of names) {
    const before = join(folder, name);
    const after = join(folder, `${name}.${encoding}`);
    const mediaType = mediaTypes[extname(name)] ?? `image/${extname(name).slice(1)}`;
    try {
      const content = { mediaType, bytes: readFileSync(before) };
      writeFileSync(after, (await transcode(content, encoding, { quality: 95 })).bytes);
      paths.push([before, after]);
    } catch (error) {
      found.set(name, (error as Error).message);
    }
  }
  const asked = execute(python, [script, 'compare']);
  asked.child.stdin!.end(paths.map((pair) => `${JSON.stringify(pair)}\n`).join(''));
  const answers = (await asked).stdout.trim().split('\n');
  for (const [index, [, after]] of paths.entries()) {
    found.set(basename(after!, `.${encoding}`), JSON.parse(answers[index]!));
  }
  return found;
}

/** How far a value may be off, and all of them on average; Pillow's decoder of AVIF and ours differ by some. */
const tolerances: Record<Encoding, { largest: number; mean: number }> = {
  png: { largest: 1, mean: 0.1 },
  tiff: { largest: 1, mean: 0.1 },
  npy: { largest: 1, mean: 0.1 },
  jpeg: { largest: 32, mean: 4.5 },
  webp: { largest: 36, mean: 4.5 },
  avif: { largest: 16, mean: 1.5 },
  gif: { largest: 32, mean: 5 },
};
const ofAvif = { largest: 12, mean: 2.2 };

/** Kinds that no other encoding has room for, and the reason. */
const originals: Record<string, string> = {
  ...Object.fromEntries(
    [1, 2, 3, 4].flatMap((extra) =>
      [`grey-and-${extra}.tif`, `grey-and-${extra}-16.tif`].map((name) => [
        name,
        `has ${extra + 1} samples a pixel, of which ${extra === 1 ? 'one is' : `${extra} are`} neither colour nor transparency`,
      ]),
    ),
  ),
  'rgb-and-1.tif': 'has 4 samples a pixel, of which one is neither colour nor transparency',
  'rgb-and-2.tif': 'has 5 samples a pixel, of which 2 are neither colour nor transparency',
  'rgb-and-5.tif': 'has 8 samples a pixel, of which 5 are neither colour nor transparency',
  'inks.tif': 'is in inks other than CMYK',
  'lab.tif': 'is in CIELab',
  'sensor.tif': 'is in the colours of a sensor, as raw files of cameras are',
  'ycbcr.tif': 'is in YCbCr without the JPEG compression of today',
};

describe.skipIf(!hasPython)('as Pillow sees it', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    await preparePython();
    mkdirSync(join(folder, 'ffmpeg'));
    await execute(python, [script, 'make', folder]);
  }, 300_000);

  test.each(encodings)(
    '%s keeps colours, depth, transparency and orientation, or refuses',
    async (encoding) => {
      const lossless = ['png', 'tiff', 'npy'].includes(encoding);
      // Pillow does not manage the colours of CMYK; and turning is the same for all lossy ones.
      const names = filesIn(folder).filter(
        (name) =>
          !(name in originals) &&
          !name.startsWith('cmyk') &&
          !name.includes('.', name.indexOf('.') + 1) &&
          (lossless || !/turned-[124578]/.test(name)),
      );
      const found = await compare(names, encoding);
      const wrong = [...found].filter(([name, result]) => {
        if (typeof result === 'string') {
          return !isRightlyRefused(name, encoding);
        }
        const { largest, mean } = tolerances[encoding];
        const more = name.endsWith('.avif') ? ofAvif : { largest: 0, mean: 0 };
        const isClose = result.largest <= largest + more.largest && result.mean <= mean + more.mean;
        return !isClose || isRightlyRefused(name, encoding) || (lossless && result.mode !== modeOf(name));
      });
      expect(wrong).toEqual([]);
      expect(found.size).toBeGreaterThan(40);
    },
  );

  test.skipIf(!hasFfmpeg)('AVIF of ffmpeg, of any depth and range, also of its transparency', async () => {
    const ramp = 'gradients=s=64x48:c0=black:c1=white:n=2:d=1:seed=1';
    const kinds = ['gray', 'gray10le', 'gray12le', 'yuv444p10le', 'yuv420p12le'];
    const made = kinds.flatMap((format) =>
      ['limited', 'full'].map((range) => ({
        name: `ffmpeg-${format}-${range}.avif`,
        filter: `[0]scale=out_range=${range},format=${format},setparams=range=${range}[v]`,
        maps: ['-map', '[v]'],
      })),
    );
    const alpha = '[0]format=yuva444p,split[v][b];[b]alphaextract,setparams=range=limited[a]';
    const pictures = [
      ...made.map((picture) => ({ ...picture, input: ['-f', 'lavfi', '-i', ramp] })),
      {
        name: 'ffmpeg-alpha.avif',
        filter: alpha,
        maps: ['-map', '[v]', '-map', '[a]'],
        input: ['-i', join(folder, 'rgba.png')],
      },
    ];
    const encoder = ['-c:v', 'libaom-av1', '-crf', '3', '-still-picture', '1', '-frames:v', '1'];
    for (const { name, filter, maps, input } of pictures) {
      const output = [...maps, ...encoder, join(folder, 'ffmpeg', name)];
      await execute('ffmpeg', ['-v', 'error', ...input, '-filter_complex', filter, ...output]);
    }
    const names = pictures.map(({ name }) => join('ffmpeg', name));
    for (const encoding of ['png', 'npy'] as const) {
      const found = await compare(names, encoding);
      const wrong = [...found].filter(
        ([, result]) => typeof result === 'string' || !(result.largest <= 12 && result.mean < 2),
      );
      expect(wrong).toEqual([]);
    }
  });

  test('CMYK is near what is shown without colour management', async () => {
    for (const [name, result] of await compare(['cmyk.jpg', 'cmyk.tif'], 'png')) {
      expect(result, name).toMatchObject({
        mode: 'RGB',
        mean: expect.toSatisfy((mean: number) => mean < 20),
      });
    }
  });

  test('what would be lost is refused with the reason', async () => {
    for (const encoding of ['png', 'npy'] as const) {
      const found = await compare(Object.keys(originals), encoding);
      expect(Object.fromEntries(found)).toEqual(
        Object.fromEntries(
          Object.entries(originals).map(([name, reason]) => [
            name,
            `image ${reason}, which re-encoding would lose; use original`,
          ]),
        ),
      );
    }
  });
});

/** JPEG has no transparency, GIF only that of whole pixels, and only PNG, TIFF and npy have 16 bits. */
function isRightlyRefused(name: string, encoding: Encoding): boolean {
  const isPartlyTransparent = /alpha|rgba/.test(name);
  const isTransparent = isPartlyTransparent || /transparent|key/.test(name);
  return (
    (name.includes('-16.') && ['jpeg', 'webp', 'avif', 'gif'].includes(encoding)) ||
    (encoding === 'jpeg' && isTransparent) ||
    (encoding === 'gif' && isPartlyTransparent)
  );
}

/** Pillow's name for grey and colour, with alpha and without. */
function modeOf(name: string): string {
  const isGrey = /^(grey(?!.*avif)|one-bit|fax|white)/.test(name);
  const hasAlpha = /alpha|rgba|transparent|key/.test(name);
  return `${isGrey ? 'L' : 'RGB'}${hasAlpha ? 'A' : ''}`;
}
