import { deadLetterHeaders, deadLetterHeadroomBytes } from '@image-stream/codec';
import type { CodecError, ReceivedRecord } from '@image-stream/codec';
import type { ImageIoError } from '@image-stream/image-io';
import {
  assertTopicName,
  createSender,
  ensureTopic,
  isProgrammingError,
  topicLimit,
  translate,
} from '@image-stream/kafka-config';
import type { RecordToSend, Sender, SenderOptions } from '@image-stream/kafka-config';
import { UsageError } from '@image-stream/program';
import type { Admin } from 'kafkajs';
import { DeadLetterError } from './fault.ts';
import type { ConsumerOptions } from './options.ts';

/** The place for records that cannot become images. */
export interface DeadLetters {
  /** For messages, where they go. */
  readonly destination: string;
  /**
   * Resolves once every in-sync replica has the records.
   *
   * @throws DeadLetterError
   */
  send(records: AsyncIterable<ReceivedRecord>, error: CodecError | ImageIoError): Promise<void>;
  close(): Promise<void>;
}

export interface DeadLettersOptions {
  readonly topic: string;
  /** Where the records come from, and the `max.message.bytes` that it would be created with. */
  readonly source: { readonly topic: string; readonly maxMessageBytes: number };
  readonly admin: Admin;
  readonly connect: SenderOptions['connect'];
  readonly partitioner: SenderOptions['partitioner'];
  readonly logger: SenderOptions['logger'];
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
        '--dead-letter-topic does not go with --on-error stop: nothing would be sent there',
      );
    }
  }
}

/** Longer, and the log would show nothing; what is waited for goes on anyway. */
const deliveryTimeoutMs = 30_000;

/** Dead letters in a topic, which is created when the first one comes. */
export function createDeadLetters(options: DeadLettersOptions): DeadLetters {
  const { topic, source, admin, connect, partitioner, logger } = options;
  let opened: Promise<Sender> | undefined;

  async function open(): Promise<Sender> {
    const limit = (await topicLimit(admin, source.topic)) ?? source.maxMessageBytes;
    await ensureTopic(admin, topic, { maxMessageBytes: limit + deadLetterHeadroomBytes });
    const request = { topic, acks: -1, timeout: deliveryTimeoutMs };
    // What was inflated from a compressed batch may only fit when it is compressed again.
    return createSender({ connect, partitioner, request, deliveryTimeoutMs, compressAbove: limit, logger });
  }

  function cannotWrite(failure: unknown): unknown {
    if (isProgrammingError(failure)) {
      return translate(failure, []);
    }
    const reason = (failure as Error).message;
    return new DeadLetterError(`dead-letter topic ${topic} cannot be written: ${reason}`, { cause: failure });
  }

  return {
    destination: `to topic ${topic}`,
    async send(records, error) {
      opened ??= open();
      const sender = await opened.catch((failure: unknown) => {
        opened = undefined;
        throw cannotWrite(failure);
      });
      let partition: number | undefined;
      for await (const record of records) {
        const sent = sender.send(deadLetterOf(record, error), partition);
        partition = await sent.catch((failure: unknown) => {
          throw cannotWrite(failure);
        });
      }
    },
    async close() {
      const sender = await opened?.catch(() => undefined);
      await sender?.close();
    },
  };
}

/** For what is only looked at, and for dead letters that are read again: a bad record stays in its topic, and nowhere else. */
export const stayingDeadLetters: DeadLetters = {
  destination: 'nowhere else',
  send: async () => {},
  close: async () => {},
};

/** The record as it came, and why it is there. */
function deadLetterOf(record: ReceivedRecord, error: CodecError | ImageIoError): RecordToSend {
  const { key, value, timestamp, headers } = record;
  const stage = error.name === 'CodecError' ? 'VALUE_CONVERTER' : 'TASK_PUT';
  return {
    key: key as Buffer | null,
    value: value as Buffer | null,
    timestamp,
    headers: { ...headers, ...deadLetterHeaders(record, stage, error) } as NonNullable<
      RecordToSend['headers']
    >,
  };
}
