import { setTimeout as sleep } from 'node:timers/promises';
import type { Message, Producer, ProducerRecord, RecordMetadata } from 'kafkajs';
import { translate } from './translate.ts';

const backoffMs = 500;

/** CompressionTypes.GZIP of kafkajs, spelled out so that this module loads without the client. */
const gzip = 1;

export interface SenderOptions {
  /** A new client. */
  readonly connect: () => Producer;
  readonly request: Omit<ProducerRecord, 'messages'>;
  /** How long to try before an image is given up, in milliseconds; Kafka's `delivery.timeout.ms`. */
  readonly deliveryTimeoutMs: number;
  /** Bytes of a value above which a record is sent compressed. Default: none is. */
  readonly compressAbove?: number;
  /** Told of each time that records have to be sent again. */
  readonly logger: { warn(message: string): void };
}

/** A record to send, with a key. */
export type RecordToSend = Omit<Message, 'partition'>;

/** Sends records one by one. */
export interface Sender {
  /**
   * Resolves when the record is acknowledged.
   *
   * @param partition where to; default: what the record's key gives
   * @returns where it is; undefined where nobody acknowledges
   * @throws Error where it was refused, or not acknowledged in time
   */
  send(record: RecordToSend, partition?: number): Promise<number | undefined>;
  close(): Promise<void>;
}

/**
 * A sender that outlives its connections. kafkajs keeps using a socket that has stopped answering,
 * so after a failure of the connection the client is replaced.
 */
export async function createSender({
  connect,
  request,
  deliveryTimeoutMs,
  compressAbove = Number.POSITIVE_INFINITY,
  logger,
}: SenderOptions): Promise<Sender> {
  const connected = async (): Promise<Producer> => {
    const client = connect();
    await client.connect();
    return client;
  };
  let current = connected();
  await current;

  /** Of many sends that fail together, the first one replaces the client for all. */
  function replace(broken: Promise<Producer>, error: unknown): void {
    if (current === broken) {
      logger.warn(`records are not acknowledged, trying again: ${(error as Error).message}`);
      broken.then((client) => client.disconnect()).catch(() => {});
      current = connected();
      // Whoever sends next is told.
      current.catch(() => {});
    }
  }

  return {
    async send(record, partition) {
      const deadline = performance.now() + deliveryTimeoutMs;
      for (;;) {
        const used = current;
        try {
          const client = await used;
          // One record a request: with several, kafkajs can lose one and report success.
          const sent = client.send({
            ...request,
            ...((record.value?.length ?? 0) > compressAbove && { compression: gzip }),
            messages: [{ ...record, ...(partition !== undefined && { partition }) }],
          });
          const results = await within(deadline, sent);
          assertAcknowledged(results, request.acks);
          return results[0]?.partition ?? partition;
        } catch (error) {
          if (!isRetriable(error) || performance.now() + backoffMs > deadline) {
            throw explain(error, record, request.topic);
          }
          await sleep(backoffMs);
          replace(used, error);
        }
      }
    },
    close: async () => (await current).disconnect(),
  };
}

/** The result, unless it comes after the deadline; kafkajs itself would wait for as long as a request may take. */
async function within<T>(deadline: number, result: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = sleep(Math.max(0, deadline - performance.now()), undefined, { signal: timer.signal }).then(
    () => {
      throw new Error('it was not acknowledged within delivery.timeout.ms');
    },
  );
  try {
    return await Promise.race([result, late]);
  } finally {
    timer.abort();
    late.catch(() => {});
    result.catch(() => {});
  }
}

/** kafkajs can resolve without having sent; with acknowledgements, the answer shows where the record is. */
function assertAcknowledged(results: readonly RecordMetadata[], acks: number | undefined): void {
  const [result] = results;
  if (acks !== 0 && !(result?.errorCode === 0 && Number(result.baseOffset) >= 0)) {
    throw Object.assign(new Error('the broker did not say where the record is'), { retriable: true });
  }
}

/** The client wraps what happened in errors that all say no; the innermost one knows. */
function isRetriable(error: unknown): boolean {
  const { cause, retriable } = error as { cause?: unknown; retriable?: boolean };
  return cause === undefined ? (retriable ?? false) : isRetriable(cause);
}

function explain(error: unknown, { value }: RecordToSend, topic: string): unknown {
  const { type } = error as { type?: string };
  if (type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE') {
    return new Error(
      `the broker refuses a record of ${value?.length ?? 0} bytes; raise max.message.bytes of topic ${topic}`,
      { cause: error },
    );
  }
  return translate(error, [], 'the broker refused the record');
}
