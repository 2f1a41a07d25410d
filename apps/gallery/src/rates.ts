/** What came in the last seconds. */
export interface Rates {
  /** @param images that it completes */
  came(bytes: number, images: number): void;
  /** One that came is shown. */
  shown(): void;
  /** So many that came are not shown. */
  skipped(images: number): void;
  /** A second each, on average over those of the window; what is shown, only where something else is not. */
  read(): {
    readonly imagesPerSecond: number;
    readonly bytesPerSecond: number;
    readonly shownPerSecond: number | null;
  };
}

/** Long enough that a slow producer shows as a line and not as needles. */
const windowMs = 3000;

/** What comes within so many milliseconds is one entry, however much it is. */
const entryMs = 20;

export function createRates(now: () => number = () => performance.now()): Rates {
  let entries: { at: number; bytes: number; images: number; shown: number; skipped: number }[] = [];

  function entry() {
    let last = entries.at(-1);
    if (last === undefined || now() - last.at >= entryMs) {
      last = { at: now(), bytes: 0, images: 0, shown: 0, skipped: 0 };
      entries.push(last);
    }
    return last;
  }

  return {
    came(bytes, images) {
      const one = entry();
      one.bytes += bytes;
      one.images += images;
    },
    shown: () => void (entry().shown += 1),
    skipped: (images) => void (entry().skipped += images),
    read() {
      const start = now() - windowMs;
      entries = entries.filter(({ at }) => at > start);
      const perSecond = (of: 'bytes' | 'images' | 'shown'): number =>
        entries.reduce((sum, one) => sum + one[of], 0) / (windowMs / 1000);
      return {
        imagesPerSecond: perSecond('images'),
        bytesPerSecond: perSecond('bytes'),
        shownPerSecond: entries.some(({ skipped }) => skipped > 0) ? perSecond('shown') : null,
      };
    },
  };
}
