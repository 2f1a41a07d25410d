import { ask, reasonOf, Refused } from './ask.ts';

/** Thumbnails of tiles that came without one: they are asked for while they are in view, and not any longer. */
export interface LazyThumbnails {
  /** @param failed is told why there is none; undefined when it is asked for again */
  add(image: HTMLImageElement, path: string, failed: (reason: string | undefined) => void): void;
  /** For an image that is gone. */
  remove(image: HTMLImageElement): void;
}

/** How far outside of the view they are asked for. */
const margin = '300px';

const retryMs = 5000;

interface Wanted {
  readonly path: string;
  readonly failed: (reason: string | undefined) => void;
  /** While it is asked for. */
  asking?: AbortController | undefined;
}

export function createLazyThumbnails(): LazyThumbnails {
  const wanted = new WeakMap<Element, Wanted>();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const one = wanted.get(target)!;
        if (isIntersecting && one.asking === undefined) {
          one.asking = new AbortController();
          void load(target as HTMLImageElement, one, one.asking.signal);
        } else if (!isIntersecting) {
          one.asking?.abort();
          one.asking = undefined;
        }
      }
    },
    { rootMargin: margin },
  );

  async function load(image: HTMLImageElement, { path, failed }: Wanted, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const response = await ask(path, signal);
        image.src = URL.createObjectURL(await response.blob());
        await image.decode().catch(() => {});
        URL.revokeObjectURL(image.src);
        failed(undefined);
        observer.unobserve(image);
        return;
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        failed(reasonOf(error));
        if (error instanceof Refused && !error.mayRetry) {
          observer.unobserve(image);
          return;
        }
        await new Promise((resolve) => {
          setTimeout(resolve, retryMs);
        });
      }
    }
  }

  return {
    add(image, path, failed) {
      wanted.set(image, { path, failed });
      observer.observe(image);
    },
    remove(image) {
      observer.unobserve(image);
      wanted.get(image)?.asking?.abort();
    },
  };
}
