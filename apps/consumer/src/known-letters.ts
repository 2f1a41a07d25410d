import { createHash } from 'node:crypto';
import { deadLetterReason, originalTimestamp, ownHeaders } from '@image-stream/codec';
import type { ReceivedRecord, RecordPlace } from '@image-stream/codec';
import type { TopicReader } from '@image-stream/kafka-client';

/** Which records are in the dead-letter topic already, so that one that comes again is not put there twice. */
export interface KnownLetters {
  /** @throws what the reader throws where the topic cannot be read */
  has(record: ReceivedRecord): Promise<boolean>;
  /** Notes that the record was put there. */
  add(record: ReceivedRecord): void;
}

/** By how much a dead letter may be older than its record, since clocks differ. */
const clockMarginMs = 3_600_000;

/** At some 50 bytes each. Beyond, the oldest are forgotten, and would be written again. */
const maxLetters = 1_000_000;

type Starts = ReadonlyMap<number, bigint>;

/**
 * Reads dead letters when they are asked for. None is older than its record, so the brokers' index of timestamps gives
 * where to begin: for records that are new, near the end. The rest is read once an older record comes.
 *
 * A place is not enough to know a record by: a topic that was deleted and recreated gives it out again.
 *
 * @param openReader undefined for a topic that has just been created
 */
export function createKnownLetters(openReader: (() => Promise<TopicReader>) | undefined): KnownLetters {
  const letters = new Set<bigint>();
  let recent: Promise<{ readonly since: number; readonly starts: Starts }> | undefined;
  let rest: Promise<unknown> | undefined;

  function note(identity: bigint): void {
    letters.add(identity);
    if (letters.size > maxLetters) {
      letters.delete(letters.values().next().value!);
    }
  }

  /** Reads the letters since a time. @param before where those end that are to be read. Default: at the end */
  async function read(since: number, before?: Starts): Promise<{ since: number; starts: Starts }> {
    const reader = await openReader!();
    try {
      const bounds = await reader.offsets();
      const found = since > 0 ? await reader.offsetsAt(new Date(since)) : undefined;
      const starts = new Map<number, bigint>();
      for (const [partition, { low, high }] of bounds) {
        const start = found?.get(partition) ?? low;
        starts.set(partition, start);
        for await (const letter of reader.range(partition, start, before?.get(partition) ?? high)) {
          const place = deadLetterReason(letter);
          if (place !== undefined) {
            note(identityOf(letter, place));
          }
        }
      }
      return { since, starts };
    } finally {
      await reader.close();
    }
  }

  return {
    async has(record) {
      if (openReader !== undefined) {
        const since = earliest(record);
        recent ??= read(since).catch((error: unknown) => {
          recent = undefined;
          throw error;
        });
        const { since: readSince, starts } = await recent;
        if (since < readSince) {
          rest ??= read(0, starts).catch((error: unknown) => {
            rest = undefined;
            throw error;
          });
          await rest;
        }
      }
      return letters.has(identityOf(record, record));
    },
    add: (record) => note(identityOf(record, record)),
  };
}

/** No dead letter of a record is older. Where its timestamp is none that a clock gave, nothing is known: 0. */
function earliest({ timestamp }: ReceivedRecord): number {
  const time = Number(timestamp);
  return time > Date.now() ? 0 : Math.max(0, time - clockMarginMs);
}

/** 64 bits of where a record was and what it holds; of its dead letter the same. */
function identityOf(record: ReceivedRecord, { topic, partition, offset }: RecordPlace): bigint {
  const hash = createHash('sha256');
  const add = (part: Uint8Array | string | null): void => {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    hash.update(`${bytes?.length ?? 'null'} `).update(bytes ?? '');
  };
  add(`${topic} ${partition} ${offset} ${originalTimestamp(record)}`);
  add(record.key);
  add(record.value);
  for (const [name, values] of ownHeaders(record).toSorted(([one], [other]) => (one < other ? -1 : 1))) {
    for (const value of [values].flat()) {
      // Not every client can send one without a value.
      if (value !== null && value !== undefined && value.length > 0) {
        add(name);
        add(value);
      }
    }
  }
  return hash.digest().readBigUInt64LE();
}
