import { formatSeconds } from './format.ts';
import type { Summary } from './summary.ts';

/** How long it took, to the millisecond, and how fast that was. */
export function timing(images: number, milliseconds: number): Pick<Summary, 'seconds' | 'imagesPerSecond'> {
  return {
    seconds: Math.round(milliseconds) / 1000,
    imagesPerSecond: milliseconds === 0 ? 0 : Math.round((images * 10_000) / milliseconds) / 10,
  };
}

/**
 * How fast it goes, and how long it will still take where it is known how much there is.
 *
 * @param done how many things are done of `total`
 * @param images how many of them are images, for the rate
 */
export function describePace(
  images: number,
  done: number,
  total: number | undefined,
  milliseconds: number,
): string {
  const { imagesPerSecond } = timing(images, milliseconds);
  const isEstimate = total !== undefined && done > 0 && done < total;
  const left = isEstimate ? `, ${formatSeconds((milliseconds / 1000 / done) * (total - done))} left` : '';
  return `${imagesPerSecond} images/s${left}`;
}
