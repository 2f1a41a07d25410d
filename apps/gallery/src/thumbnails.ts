import { unlessAborted } from '@image-stream/kafka-client';
import { createBudget } from '@image-stream/budget';
import type { TopicName } from './messages.ts';

/** Small pictures in memory, bounded in number and bytes: the ones that were asked for longest ago go first. */
export interface Thumbnails {
  /**
   * The one of a record; it is made where it is not there.
   *
   * @param bytes that making it takes, roughly
   * @param signal where it is aborted for all who ask before the turn comes, it is not made.
   * @throws what `make` throws, or the reason of the signal
   */
  get(key: string, bytes: number, make: () => Promise<Uint8Array>, signal: AbortSignal): Promise<Uint8Array>;
  /** The one that is there. */
  find(key: string): Uint8Array | undefined;
}

/** Those of one topic among all: others have records at the same places. */
export function thumbnailsOf(scope: string, all: Thumbnails): Thumbnails {
  return {
    get: (key, ...rest) => all.get(`${scope}/${key}`, ...rest),
    find: (key) => all.find(`${scope}/${key}`),
  };
}

const maxCount = 1000;
const maxBytes = 64 * 1024 ** 2;

/** Two at a time: libvips uses several threads for one. */
const slots = 2;
const workBytes = 256 * 1024 ** 2;

/** Under which a thumbnail is kept. */
export function thumbnailKey(
  topic: TopicName,
  topicId: string | undefined,
  partition: number,
  offset: bigint | string,
): string {
  return `${topic}/${topicId}/${partition}/${offset}`;
}

/** One that is being made, or waits to be. */
interface Making {
  readonly thumbnail: Promise<Uint8Array>;
  /** How many still want it. */
  wanted: number;
}

export function createThumbnails(limits = { maxCount, maxBytes, slots }): Thumbnails {
  const budget = createBudget(workBytes, limits.slots);
  const kept = new Map<string, Uint8Array>();
  const making = new Map<string, Making>();
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
      if (making.get(key)!.wanted === 0) {
        throw new Error('nobody wants this thumbnail any more');
      }
      const thumbnail = await make();
      keep(key, thumbnail);
      return thumbnail;
    } finally {
      release();
      making.delete(key);
    }
  }

  function find(key: string): Uint8Array | undefined {
    const thumbnail = kept.get(key);
    if (thumbnail !== undefined) {
      kept.delete(key);
      kept.set(key, thumbnail);
    }
    return thumbnail;
  }

  return {
    find,
    async get(key, cost, make, signal) {
      signal.throwIfAborted();
      const thumbnail = find(key);
      if (thumbnail !== undefined) {
        return thumbnail;
      }
      const underWay = making.get(key) ?? { thumbnail: made(key, cost, make), wanted: 0 };
      making.set(key, underWay);
      const leave = (): void => void (underWay.wanted -= 1);
      underWay.wanted += 1;
      signal.addEventListener('abort', leave, { once: true });
      const result = await unlessAborted(signal, underWay.thumbnail).finally(() =>
        signal.removeEventListener('abort', leave),
      );
      signal.throwIfAborted();
      return result!;
    },
  };
}
