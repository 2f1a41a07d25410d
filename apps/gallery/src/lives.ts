import { setTimeout as sleep } from 'node:timers/promises';
import { BrokerError, unlessAborted } from '@image-stream/kafka-client';
import { isProgrammingError } from '@image-stream/kafka-config';
import type { TopicState } from '@image-stream/kafka-client';
import type { TopicHealth } from './health.ts';
import { Refusal } from './refusal.ts';

/** What is done with a topic while it is there. */
export interface LivesOptions {
  readonly kafkaTopic: string;
  /** Asks Kafka about it. @throws BrokerError where there is none */
  readonly describe: () => Promise<TopicState>;
  readonly health: Pick<TopicHealth, 'asks' | 'failed' | 'absent'>;
  /** Reads it until the signal is aborted. @throws where it cannot begin, which is tried again */
  readonly read: (signal: AbortSignal) => Promise<void>;
  /** Kafka has said that there is no such topic, or why it does not say. */
  readonly notRead: (error?: unknown) => void;
  readonly signal: AbortSignal;
}

/** How often to ask whether it is still the same. */
const lookMs = 1000;

/** A broker that has just started may not know a topic yet. */
const deniedTwice = 2;

/**
 * Has a topic read whenever there is one, until `signal` is aborted: it may not exist yet, be deleted while it is read, and be created
 * anew under its name, which is another topic with other records at the same places.
 *
 * @throws a bug
 */
export async function whileThere(options: LivesOptions): Promise<void> {
  const { describe, health, read, notRead, signal } = options;
  for (let wasThere = false; !signal.aborted;) {
    try {
      health.asks();
      const state = await unlessAborted(signal, describe());
      if (state !== undefined) {
        wasThere = true;
        await readOnce(state.id, read, options);
      }
    } catch (error) {
      if (isProgrammingError(error)) {
        throw error;
      }
      if (signal.aborted) {
        return;
      }
      if (isAbsent(error)) {
        health.absent(wasThere);
        notRead();
      } else {
        health.failed(error);
        notRead(error);
      }
      await pause(signal);
    }
  }
}

async function readOnce(
  id: string | undefined,
  read: LivesOptions['read'],
  { kafkaTopic, describe, signal }: LivesOptions,
): Promise<void> {
  const life = new AbortController();
  const until = AbortSignal.any([signal, life.signal]);
  const watching = watch();
  try {
    await read(until);
  } finally {
    life.abort(new Refusal(404, `topic ${kafkaTopic} was deleted`));
    await watching;
  }

  async function watch(): Promise<void> {
    for (let denied = 0; denied < deniedTwice && !until.aborted;) {
      await pause(until);
      try {
        const state = await unlessAborted(until, describe());
        denied = state !== undefined && state.id !== id ? deniedTwice : 0;
      } catch (error) {
        // That it does not answer is noticed by who reads.
        denied = isAbsent(error) ? denied + 1 : 0;
      }
    }
    life.abort(new Refusal(404, `topic ${kafkaTopic} was deleted`));
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof BrokerError && error.type === 'UNKNOWN_TOPIC_OR_PARTITION';
}

async function pause(signal: AbortSignal): Promise<void> {
  await sleep(lookMs, undefined, { signal }).catch(() => {});
}
