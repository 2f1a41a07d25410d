/** A place in a topic; offsets have 64 bits. */
export interface Position {
  readonly partition: number;
  /** The next record to read. */
  readonly offset: bigint;
}

/**
 * Which records are done, in one generation of a consumer group. The lowest record that is not done
 * holds its partition's position back, so that committing it loses nothing.
 */
export interface OffsetTracker {
  /** Notes that a record is in work. @returns false when it came before */
  begin(partition: number, offset: bigint): boolean;
  /** Notes that a record is on disk. */
  done(partition: number, offset: bigint): void;
  /** Notes that everything before `offset` has been handed out; the end of a batch may hold no record. */
  reached(partition: number, offset: bigint): void;
  /** Notes what the broker has confirmed. */
  committed(position: Position): void;
  /** What can be committed and is not yet. */
  uncommitted(): Position[];
  /** How many records are not done. */
  inWork(): number;
  /** The record that comes next in a partition; undefined before its first one. */
  next(partition: number): bigint | undefined;
}

interface PartitionState {
  /** In the order in which they came, true when done. */
  readonly records: Map<bigint, boolean>;
  next: bigint;
  committed: bigint;
}

export function createOffsetTracker(): OffsetTracker {
  const partitions = new Map<number, PartitionState>();

  const stateOf = (partition: number, first: bigint): PartitionState => {
    const state = partitions.get(partition) ?? {
      records: new Map<bigint, boolean>(),
      next: first,
      committed: first,
    };
    partitions.set(partition, state);
    return state;
  };
  const position = ({ records, next }: PartitionState): bigint => {
    for (const [offset, isDone] of records) {
      if (!isDone) {
        return offset;
      }
      records.delete(offset);
    }
    return next;
  };

  return {
    begin(partition, offset) {
      const state = stateOf(partition, offset);
      if (offset < state.next) {
        return false;
      }
      state.records.set(offset, false);
      state.next = offset + 1n;
      return true;
    },
    done(partition, offset) {
      partitions.get(partition)?.records.set(offset, true);
    },
    reached(partition, offset) {
      const state = stateOf(partition, offset);
      state.next = offset > state.next ? offset : state.next;
    },
    committed({ partition, offset }) {
      const state = stateOf(partition, offset);
      state.committed = offset > state.committed ? offset : state.committed;
    },
    uncommitted() {
      return [...partitions]
        .map(([partition, state]) => ({ partition, offset: position(state), committed: state.committed }))
        .filter(({ offset, committed }) => offset > committed)
        .map(({ partition, offset }) => ({ partition, offset }));
    },
    inWork() {
      let records = 0;
      for (const state of partitions.values()) {
        for (const isDone of state.records.values()) {
          records += isDone ? 0 : 1;
        }
      }
      return records;
    },
    next: (partition) => partitions.get(partition)?.next,
  };
}
