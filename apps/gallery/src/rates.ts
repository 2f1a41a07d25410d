/** What came in the last seconds. */
export interface Rates {
  count(bytes: number, isImage: boolean): void;
  /** A second each, on average over those of the window. */
  read(): { readonly imagesPerSecond: number; readonly bytesPerSecond: number };
}

/** Long enough that a slow producer shows as a line and not as needles. */
const windowMs = 3000;

export function createRates(now: () => number = () => performance.now()): Rates {
  let counted: { readonly at: number; readonly bytes: number; readonly images: number }[] = [];
  return {
    count(bytes, isImage) {
      counted.push({ at: now(), bytes, images: isImage ? 1 : 0 });
    },
    read() {
      const start = now() - windowMs;
      counted = counted.filter(({ at }) => at > start);
      const perSecond = (sum: number): number => sum / (windowMs / 1000);
      return {
        imagesPerSecond: perSecond(counted.reduce((sum, { images }) => sum + images, 0)),
        bytesPerSecond: perSecond(counted.reduce((sum, { bytes }) => sum + bytes, 0)),
      };
    },
  };
}
