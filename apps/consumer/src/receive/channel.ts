/** A queue between several that push and one that iterates. */
export interface Channel<T> extends AsyncIterable<T> {
  /** Resolves to true when the item is taken, and to false when it is dropped instead. */
  push(item: T): Promise<boolean>;
  /** Drops what was not taken. */
  clear(): void;
  /** Ends the iteration, with an error where one is given; what was not taken is dropped. */
  close(error?: unknown): void;
}

export function createChannel<T>(): Channel<T> {
  const items: { item: T; taken: (isTaken: boolean) => void }[] = [];
  let isClosed = false;
  let failure: { error: unknown } | undefined;
  let wake = (): void => {};

  const clear = (): void => {
    for (const { taken } of items.splice(0)) {
      taken(false);
    }
  };
  const close = (error?: unknown): void => {
    if (isClosed) {
      return;
    }
    isClosed = true;
    failure = error === undefined ? undefined : { error };
    clear();
    wake();
  };
  return {
    push(item) {
      return new Promise((taken) => {
        if (isClosed) {
          taken(false);
          return;
        }
        items.push({ item, taken });
        wake();
      });
    },
    clear,
    close,
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          const next = items.shift();
          if (next !== undefined) {
            next.taken(true);
            yield next.item;
          } else if (isClosed) {
            break;
          } else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
        if (failure !== undefined) {
          throw failure.error;
        }
      } finally {
        close();
      }
    },
  };
}
