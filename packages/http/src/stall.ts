/** What keeps a program from its work for a while. */
export interface Stall {
  /** It does, or still does; may be said again with another reason. @returns whether that is new */
  begin(reason: string): boolean;
  /** It does not any more; may be said at any time. */
  end(): void;
  /** Since when, and why; undefined where nothing does. */
  problem(): string | undefined;
}

/** A stall as `/readyz` tells of it. */
export function createStall(): Stall {
  let stall: { readonly since: string; readonly reason: string } | undefined;
  return {
    begin(reason) {
      const isNew = stall === undefined;
      stall = { since: stall?.since ?? new Date().toISOString(), reason };
      return isNew;
    },
    end() {
      stall = undefined;
    },
    problem: () => stall && `stalled since ${stall.since}: ${stall.reason}`,
  };
}
