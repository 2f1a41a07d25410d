import type { Summary } from './summary.ts';

/** How long it took, to the millisecond, and how fast that was. */
export function timing(images: number, milliseconds: number): Pick<Summary, 'seconds' | 'imagesPerSecond'> {
  return {
    seconds: Math.round(milliseconds) / 1000,
    imagesPerSecond: milliseconds === 0 ? 0 : Math.round((images * 10_000) / milliseconds) / 10,
  };
}
