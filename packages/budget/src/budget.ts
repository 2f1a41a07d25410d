/** Room for work in flight, in bytes: what bounds a program's memory, whatever the images' sizes. */
export interface ByteBudget {
  /**
   * Waits until `bytes` fit, first come, first served. What is larger than the whole budget
   * travels alone.
   *
   * @returns a function that gives the room back
   */
  reserve(bytes: number): Promise<() => void>;
  /** What is reserved now: bytes, and pieces of work. */
  inUse(): { readonly bytes: number; readonly slots: number };
}

/** A budget of `bytes` for at most `slots` pieces of work at once. */
export function createBudget(bytes: number, slots: number): ByteBudget {
  let freeBytes = bytes;
  let freeSlots = slots;
  const waiting: { cost: number; resolve: (release: () => void) => void }[] = [];

  const release = (cost: number) => (): void => {
    freeBytes += cost;
    freeSlots += 1;
    admit();
  };
  const admit = (): void => {
    while (waiting.length > 0 && freeSlots > 0 && waiting[0]!.cost <= freeBytes) {
      const { cost, resolve } = waiting.shift()!;
      freeBytes -= cost;
      freeSlots -= 1;
      resolve(release(cost));
    }
  };
  return {
    reserve(wanted) {
      return new Promise((resolve) => {
        waiting.push({ cost: Math.min(wanted, bytes), resolve });
        admit();
      });
    },
    inUse: () => ({ bytes: bytes - freeBytes, slots: slots - freeSlots }),
  };
}
