/** A place in a topic; offsets have 64 bits. */
export interface Position {
  readonly partition: number;
  /** The next record to read. */
  readonly offset: bigint;
}

/**
 * Which records of a partition are done, from one place on. The lowest record that is not done holds the position back, so that
 * committing it loses nothing. After a rebalance or a jump there is a new tracker: what the old one is told then moves nothing.
 *
 * Only records that are not done take memory, however many come after one that never is.
 */
export interface OffsetTracker {
  /**
   * Notes that a record is in work. Offsets have to grow.
   *
   * @param epoch of the leader under which it was written, or a later one under which records of the same fetch were
   */
  begin(offset: bigint, epoch: number): void;
  /** Takes back that the last record is in work: nobody took it. */
  withdraw(offset: bigint): void;
  /** Notes that a record is on disk, or in the dead-letter topic. */
  done(offset: bigint): void;
  /** Notes that everything before `offset` has been handed out; the end of a batch may hold no record. */
  reached(offset: bigint, epoch: number): void;
  /** Notes what the broker has confirmed. */
  committed(offset: bigint): void;
  /** What can be committed; undefined where that is committed. */
  uncommitted(): { readonly offset: bigint; readonly epoch: number } | undefined;
  /** How many records are not done. */
  inWork(): number;
  /** The record that comes next. */
  next(): bigint;
}

/**
 * @param start where reading begins
 * @param committed what the group has committed: another place than `start` is to be committed
 */
export function createOffsetTracker(
  start: { readonly offset: bigint; readonly epoch: number },
  committed: bigint | undefined,
): OffsetTracker {
  /** In the order in which they came, which is that of their offsets. */
  const pending = new Set<bigint>();
  let next = start.offset;
  let epoch = start.epoch;
  let confirmed = committed;

  return {
    begin(offset, ofEpoch) {
      pending.add(offset);
      next = offset + 1n;
      epoch = ofEpoch;
    },
    withdraw(offset) {
      pending.delete(offset);
      next = offset;
    },
    done(offset) {
      pending.delete(offset);
    },
    reached(offset, ofEpoch) {
      next = offset;
      epoch = ofEpoch;
    },
    committed(offset) {
      confirmed = offset;
    },
    uncommitted() {
      const [first] = pending;
      const offset = first ?? next;
      return offset === confirmed ? undefined : { offset, epoch };
    },
    inWork: () => pending.size,
    next: () => next,
  };
}
