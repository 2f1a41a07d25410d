import { createBudget } from '@image-stream/program';

/** Small pictures in memory, bounded in number and bytes: the ones that were asked for longest ago go first. */
export interface Thumbnails {
  /**
   * The one of a record; it is made where it is not there.
   *
   * @param bytes that making it takes, roughly
   */
  get(key: string, bytes: number, make: () => Promise<Uint8Array>): Promise<Uint8Array>;
  /** True while so many are being made that more would only wait. */
  isBusy(): boolean;
}

const maxCount = 1000;
const maxBytes = 64 * 1024 ** 2;

/** Two at a time: libvips uses several threads for one. */
const slots = 2;
const workBytes = 256 * 1024 ** 2;

export function createThumbnails(limits = { maxCount, maxBytes }): Thumbnails {
  const budget = createBudget(workBytes, slots);
  const kept = new Map<string, Uint8Array>();
  const making = new Map<string, Promise<Uint8Array>>();
  let bytes = 0;

  function keep(key: string, thumbnail: Uint8Array): void {
    kept.set(key, thumbnail);
    bytes += thumbnail.length;
    for (const [oldest, { length }] of kept) {
      if (kept.size <= limits.maxCount && bytes <= limits.maxBytes) {
        return;
      }
      kept.delete(oldest);
      bytes -= length;
    }
  }

  async function made(key: string, cost: number, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const release = await budget.reserve(cost);
    try {
      const thumbnail = await make();
      keep(key, thumbnail);
      return thumbnail;
    } finally {
      release();
      making.delete(key);
    }
  }

  return {
    async get(key, cost, make) {
      const thumbnail = kept.get(key);
      if (thumbnail !== undefined) {
        kept.delete(key);
        kept.set(key, thumbnail);
        return thumbnail;
      }
      const underWay = making.get(key) ?? made(key, cost, make);
      making.set(key, underWay);
      return underWay;
    },
    isBusy: () => making.size >= 2 * slots,
  };
}
