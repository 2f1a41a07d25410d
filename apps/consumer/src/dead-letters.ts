import { deadLetterHeaders } from '@image-stream/codec';
import type { ReceivedRecord } from '@image-stream/codec';
import { BrokerError, createSender, createTopicReader } from '@image-stream/kafka-client';
import {
  assertTopicName,
  ensureTopic,
  isProgrammingError,
  reasonOf,
  translate,
} from '@image-stream/kafka-config';
import type { RecordToSend, Sender, SenderOptions } from '@image-stream/kafka-client';
import { createOutageLog, UsageError } from '@image-stream/program';
import type { Logger } from '@image-stream/program';
import type { Admin, Kafka } from 'kafkajs';
import { newDeadLetterTopic } from './dead-letter-topic.ts';
import type { OriginalTopic } from './dead-letter-topic.ts';
import { createKnownLetters } from './known-letters.ts';
import type { KnownLetters } from './known-letters.ts';
import type { ConsumerOptions } from './options.ts';

/** Why a record is put aside; the code is stable, for programs. */
export type BadRecordError = Error & { readonly code: string };

/** A dead letter cannot be written; the record waits, or the run ends. */
export class DeadLetterError extends Error {
  override readonly name = 'DeadLetterError';
  /** True where Kafka will never take it, whatever an operator does. */
  readonly isPermanent: boolean;

  constructor(message: string, isPermanent: boolean, options?: ErrorOptions) {
    super(message, options);
    this.isPermanent = isPermanent;
  }
}

/** The place for records that cannot become images. */
export interface DeadLetters {
  /** For messages, where they go. */
  readonly destination: string;
  /**
   * Resolves once every in-sync replica has the records.
   *
   * @returns whether they were put there now; false where they all were there already
   * @throws DeadLetterError
   */
  send(records: AsyncIterable<ReceivedRecord>, error: BadRecordError): Promise<boolean>;
  close(): Promise<void>;
}

export interface DeadLettersOptions {
  readonly topic: string;
  readonly original: OriginalTopic;
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly connect: SenderOptions['connect'];
  readonly partitioner: SenderOptions['partitioner'];
  /** Ends reading what is there already: the record stays uncommitted, and comes again. */
  readonly signal: AbortSignal;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** @throws UsageError for options that contradict one another */
export function assertDeadLetters({
  'on-error': onError,
  'dead-letter-topic': wanted,
}: Pick<ConsumerOptions, 'on-error' | 'dead-letter-topic'>): void {
  if (wanted !== undefined) {
    assertTopicName(wanted);
    if (onError === 'stop') {
      throw new UsageError(
        '--dead-letter-topic cannot be combined with --on-error stop: nothing would be sent there',
      );
    }
  }
}

/** Longer, and the log would show nothing; what is waited for goes on anyway. */
const deliveryTimeoutMs = 30_000;

/** Dead letters in a topic, which is created when the first one comes. */
export function createDeadLetters(options: DeadLettersOptions): DeadLetters {
  const { topic, original, kafka, admin, connect, partitioner, signal, logger } = options;
  let opened: Promise<{ readonly sender: Sender; readonly known: KnownLetters }> | undefined;
  let isReadable = true;

  async function open(): Promise<{ sender: Sender; known: KnownLetters }> {
    const { originalLimit, ...wanted } = await newDeadLetterTopic(admin, original);
    const isNew = await ensureTopic(admin, topic, wanted, (message) => logger.warn(message));
    const request = { topic, acks: -1, timeout: deliveryTimeoutMs };
    // What was inflated from a compressed batch may only fit when it is compressed again.
    const compressAbove = originalLimit;
    return {
      sender: await createSender({
        connect,
        partitioner: byStartOfKey(partitioner),
        request,
        deliveryTimeoutMs,
        compressAbove,
        outage: createOutageLog(logger, `records of ${topic} are acknowledged again`),
      }),
      known: createKnownLetters(isNew ? undefined : () => createTopicReader(kafka, topic, { signal })),
    };
  }

  async function isThere(known: KnownLetters, record: ReceivedRecord): Promise<boolean> {
    try {
      return isReadable && (await known.has(record));
    } catch (error) {
      if (!(error instanceof BrokerError && error.type === 'TOPIC_AUTHORIZATION_FAILED')) {
        throw error;
      }
      if (isReadable) {
        isReadable = false;
        logger.warn(
          `dead-letter topic ${topic} cannot be read, so bad records that come again are written again; ` +
            `kafka-acls.sh --add --allow-principal User:<name> --operation Read --topic ${topic}`,
        );
      }
      return false;
    }
  }

  function cannotWrite(failure: unknown): unknown {
    if (isProgrammingError(failure)) {
      return translate(failure, []);
    }
    const reason = reasonOf(failure);
    const message = `dead-letter topic ${topic} cannot be written: ${reason}`;
    return new DeadLetterError(message, isNeverTaken(failure), { cause: failure });
  }

  return {
    destination: `to topic ${topic}`,
    async send(records, error) {
      opened ??= open();
      const { sender, known } = await opened.catch((failure: unknown) => {
        opened = undefined;
        throw cannotWrite(failure);
      });
      let partition: number | undefined;
      let isSent = false;
      for await (const record of records) {
        try {
          if (!(await isThere(known, record))) {
            partition = await sender.send(deadLetterOf(record, error), partition);
            known.add(record);
            isSent = true;
          }
        } catch (failure) {
          throw cannotWrite(failure);
        }
      }
      return isSent;
    },
    async close() {
      const { sender } = (await opened?.catch(() => undefined)) ?? {};
      await sender?.close();
    },
  };
}

/** Kafkajs takes minutes to hash a key of a megabyte, in which nothing else runs. */
const maxHashedBytes = 1024;

/** Puts records of the same key into the same partition, by its first bytes where it is a long one. */
function byStartOfKey(partitioner: SenderOptions['partitioner']): SenderOptions['partitioner'] {
  return () => {
    const partitionOf = partitioner();
    return ({ message, ...rest }) => {
      const { key } = message;
      const isLong = Buffer.isBuffer(key) && key.length > maxHashedBytes;
      return partitionOf({
        ...rest,
        message: isLong ? { ...message, key: key.subarray(0, maxHashedBytes) } : message,
      });
    };
  };
}

/** For what is only looked at, and for dead letters that are read again: a bad record stays in its topic, and nowhere else. */
export const stayingDeadLetters: DeadLetters = {
  destination: 'nowhere else',
  send: async () => true,
  close: async () => {},
};

/** What Kafka says to a topic or a record that nobody can make it take. */
const neverTaken = new Set([
  'INVALID_TOPIC_EXCEPTION',
  'UNSUPPORTED_VERSION',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'UNSUPPORTED_COMPRESSION_TYPE',
]);

function isNeverTaken(failure: unknown): boolean {
  const { code, type = '', cause } = failure as { code?: string; type?: string; cause?: unknown };
  return code === 'INVALID_TOPIC' || neverTaken.has(type) || (cause instanceof Error && isNeverTaken(cause));
}

/** The record as it came, but for its timestamp: retention is to count from now. And why it is there. */
function deadLetterOf(record: ReceivedRecord, error: BadRecordError): RecordToSend {
  const { key, value, headers } = record;
  const stage = error.name === 'CodecError' ? 'VALUE_CONVERTER' : 'TASK_PUT';
  return {
    key: key as Buffer | null,
    value: value as Buffer | null,
    headers: { ...headers, ...deadLetterHeaders(record, stage, error) } as NonNullable<
      RecordToSend['headers']
    >,
  };
}
