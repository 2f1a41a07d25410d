import type { ByteBudget } from './budget.ts';

/** Work of which several pieces run at once. */
export interface Pool {
  /**
   * Starts a piece of work as soon as the budget allows it.
   *
   * @throws the first error of any piece
   */
  begin(bytes: number, run: () => Promise<void>): Promise<void>;
  /** Takes in a piece of work that has begun, and needs no room. */
  add(work: Promise<void>): void;
  /** Resolves when all of it is done. @throws the first error of any piece */
  drain(): Promise<void>;
}

/** A pool whose work has room in `budget`. */
export function createPool(budget: ByteBudget): Pool {
  const inFlight = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;

  function add(work: Promise<void>): void {
    const noted = work
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => inFlight.delete(noted));
    inFlight.add(noted);
  }

  function assertNoFailure(): void {
    if (failure !== undefined) {
      throw failure.error;
    }
  }

  return {
    async begin(bytes, run) {
      const release = await budget.reserve(bytes);
      add(run().finally(release));
      assertNoFailure();
    },
    add,
    async drain() {
      // A piece may have added another one.
      while (inFlight.size > 0) {
        await Promise.all(inFlight);
      }
      assertNoFailure();
    },
  };
}
