/** Hands items one at a time to a loop. An item is done with when the loop asks for the next one. */
export interface HandOver<T> extends AsyncIterable<T> {
  /**
   * Offers an item, after those that were offered before it.
   *
   * @param isWanted asked when its turn has come
   * @returns true once the loop is done with it; false where it was not taken, or where the loop ended at it
   */
  offer(item: T, isWanted: () => boolean): Promise<boolean>;
  /** Ends the loop when it asks for the next item, with an error where one is given; what was not taken by then is not. */
  close(error?: Error): void;
}

interface Offered<T> {
  readonly item: T;
  readonly isWanted: () => boolean;
  readonly settle: (isDone: boolean) => void;
}

/** A hand-over to one loop. */
export function createHandOver<T>(): HandOver<T> {
  const offered: Offered<T>[] = [];
  let isClosed = false;
  let failure: Error | undefined;
  let wake = (): void => {};

  function close(error?: Error): void {
    isClosed = true;
    failure ??= error;
    for (const { settle } of offered.splice(0)) {
      settle(false);
    }
    wake();
  }

  /** The next one that is still wanted; undefined at the end. */
  async function next(): Promise<Offered<T> | undefined> {
    for (;;) {
      const first = offered.shift();
      if (first?.isWanted() === true) {
        return first;
      }
      first?.settle(false);
      if (first === undefined) {
        if (isClosed) {
          return undefined;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }

  return {
    offer(item, isWanted) {
      return new Promise((settle) => {
        if (isClosed) {
          settle(false);
          return;
        }
        offered.push({ item, isWanted, settle });
        wake();
      });
    },
    close,
    async *[Symbol.asyncIterator]() {
      try {
        for (let taken = await next(); taken !== undefined; taken = await next()) {
          let isDone = false;
          try {
            yield taken.item;
            isDone = true;
          } finally {
            taken.settle(isDone);
          }
        }
        if (failure !== undefined) {
          throw failure;
        }
      } finally {
        close();
      }
    },
  };
}
