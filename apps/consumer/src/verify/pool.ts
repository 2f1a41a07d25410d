import type { ByteBudget } from '@image-stream/program';

/** Work of which several pieces run at once. */
export interface Pool {
  /**
   * Starts a piece of work as soon as the budget allows it.
   *
   * @throws the first error of any piece
   */
  begin(bytes: number, run: () => Promise<void>): Promise<void>;
  /** Resolves when all of it is done. @throws the first error of any piece */
  drain(): Promise<void>;
}

export function createPool(budget: ByteBudget): Pool {
  const inFlight = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;

  const assertNoFailure = (): void => {
    if (failure !== undefined) {
      throw failure.error;
    }
  };
  return {
    async begin(bytes, run) {
      const release = await budget.reserve(bytes);
      const work = run()
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => {
          release();
          inFlight.delete(work);
        });
      inFlight.add(work);
      assertNoFailure();
    },
    async drain() {
      await Promise.all(inFlight);
      assertNoFailure();
    },
  };
}
