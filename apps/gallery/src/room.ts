import { unlessAborted } from '@image-stream/kafka-client';
import { bytesInWork, createBudget } from '@image-stream/budget';
import type { ByteBudget } from '@image-stream/budget';
import { Refusal } from './refusal.ts';

/** Memory for what readers are sent, and for what that is made of. */
export interface Room {
  /**
   * Waits for its turn to read from Kafka: what is read has no size before it is there, so that only a few do at once.
   *
   * @returns ends the turn
   * @throws the reason of `signal`
   */
  turn(signal: AbortSignal): Promise<() => void>;
  /** Waits for room for bytes until they are sent. @returns gives it back @throws Refusal */
  bytes(count: number, signal: AbortSignal): Promise<() => void>;
  /** How many bytes are taken now. */
  inUse(): number;
}

const turns = 4;

/** For all readers; what is larger travels alone. */
const maxBytes = 128 * 1024 ** 2;

/** Readers that are sent something. */
const maxReaders = 1000;

export function createRoom(): Room {
  const reading = createBudget(turns, turns);
  const held = createBudget(bytesInWork(maxBytes), maxReaders);
  return {
    turn: (signal) => granted(reading, 1, signal),
    bytes: (count, signal) =>
      granted(held, count, signal).catch(() => {
        throw new Refusal(503, 'there is no room for the picture while others are sent theirs; try again');
      }),
    inUse: () => held.inUse().bytes,
  };
}

/** Room that comes too late is given back at once. */
async function granted(budget: ByteBudget, cost: number, signal: AbortSignal): Promise<() => void> {
  const waiting = budget.reserve(cost);
  const release = await unlessAborted(signal, waiting);
  if (release === undefined) {
    void waiting.then((late) => late());
    signal.throwIfAborted();
  }
  return release!;
}
