import { createCipheriv, createHash } from 'node:crypto';
import type { PixelArray } from '@image-stream/codec';

/** Patterns to generate; `noise` is what the Python application sends. */
export const patterns = ['noise', 'gradient', 'bars', 'checkerboard', 'rings', 'mandelbrot'] as const;
/** One of `patterns`. */
export type Pattern = (typeof patterns)[number];

/** What to generate. */
export interface GenerateOptions {
  readonly pattern: Pattern;
  /** Columns, in pixels. */
  readonly width: number;
  /** Rows, in pixels. */
  readonly height: number;
  /** The same seed and index give the same pixels, on every machine. */
  readonly seed: string;
  /** Which image of a series this is: it varies noise, hue and phase, so that a person can tell images apart. */
  readonly index: number;
}

type Rgb = readonly [red: number, green: number, blue: number];

/** An RGB image of uint8, shape (height, width, 3). */
export function generateImage({ pattern, width, height, seed, index }: GenerateOptions): PixelArray {
  const random = keystream(`${seed}:${index}`);
  if (pattern === 'noise') {
    return { shape: [height, width, 3], dtype: 'uint8', data: random(height * width * 3) };
  }
  // The hue walks around the circle by the golden ratio, so that neighbours in a series differ.
  const hue = (random(1)[0]! / 256 + index * 0.618) % 1;
  const colorAt = painters[pattern](hue, width, height);
  const data = new Uint8Array(height * width * 3);
  let position = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [red, green, blue] = colorAt(x, y);
      data[position++] = red;
      data[position++] = green;
      data[position++] = blue;
    }
  }
  return { shape: [height, width, 3], dtype: 'uint8', data };
}

/** Reproducible random bytes as fast as the processor encrypts: AES-256 in counter mode over zeros. */
function keystream(seed: string): (bytes: number) => Buffer {
  const key = createHash('sha256').update(seed).digest();
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  return (bytes) => {
    if (zeros.length < bytes) {
      zeros = Buffer.alloc(bytes);
    }
    return cipher.update(zeros.subarray(0, bytes));
  };
}

/** Kept, since a fresh one for every image costs more than to encrypt it. */
let zeros = Buffer.alloc(0);

type Painter = (hue: number, width: number, height: number) => (x: number, y: number) => Rgb;

const painters: Record<Exclude<Pattern, 'noise'>, Painter> = {
  gradient: (hue, width, height) => {
    const base = rgb(hue, 1);
    return (x, y) => {
      const across = x / width;
      const down = y / height;
      return [base[0] * across, base[1] * (1 - across), 255 * down];
    };
  },
  bars: (hue, width) => {
    const colors = Array.from({ length: 8 }, (_, bar) => rgb((hue + bar / 8) % 1, 1));
    return (x) => colors[Math.floor((x * 8) / width)]!;
  },
  checkerboard: (hue, width, height) => {
    const side = Math.max(1, Math.min(width, height) >> 3);
    const [light, dark] = [rgb(hue, 1), rgb(hue, 0.2)];
    return (x, y) => ((Math.floor(x / side) + Math.floor(y / side)) % 2 === 0 ? light : dark);
  },
  rings: (hue, width, height) => {
    const shades = Array.from({ length: 256 }, (_, shade) => rgb(hue, shade / 255));
    const scale = 60 / Math.max(width, height) ** 2;
    return (x, y) => {
      const distance = (x - width / 2) ** 2 + (y - height / 2) ** 2;
      return shades[Math.round(127.5 + 127.5 * Math.cos(distance * scale * Math.PI))]!;
    };
  },
  mandelbrot: (hue, width, height) => {
    const scale = 3 / Math.min(width, height);
    const shades = Array.from({ length: 64 }, (_, steps) =>
      rgb((hue + steps / 48) % 1, steps === 63 ? 0 : 1),
    );
    return (x, y) => shades[escapeSteps((x - width * 0.6) * scale, (y - height / 2) * scale, 63)]!;
  },
};

function escapeSteps(real: number, imaginary: number, limit: number): number {
  let [a, b, steps] = [0, 0, 0];
  while (steps < limit && a * a + b * b < 4) {
    [a, b] = [a * a - b * b + real, 2 * a * b + imaginary];
    steps++;
  }
  return steps;
}

/** A fully saturated color; hue and value from 0 to 1. https://en.wikipedia.org/wiki/HSL_and_HSV#HSV_to_RGB_alternative */
function rgb(hue: number, value: number): Rgb {
  const channel = (n: number): number => {
    const k = (n + hue * 6) % 6;
    return Math.round(255 * value * (1 - Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [channel(5), channel(3), channel(1)];
}
