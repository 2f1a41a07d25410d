import { setTimeout as sleep } from 'node:timers/promises';
import type {
  ICustomPartitioner,
  Message,
  PartitionMetadata,
  Producer,
  ProducerRecord,
  RecordMetadata,
} from 'kafkajs';
import { createBatches, isTooLarge } from './batches.ts';
import type { Batches } from './batches.ts';
import {
  KafkaConfigError,
  isProgrammingError,
  reasonOf,
  rootCause,
  translate,
} from '@image-stream/kafka-config';
import { isRetriable } from './retriable.ts';

const backoffMs = 500;

/** CompressionTypes.GZIP of kafkajs, spelled out so that this module loads without the client. */
const gzip = 1;

/** Bytes of a value from which on a record has a request of its own: there is nothing to gain for it. */
const largeBytes = 64 * 1024;

/** What `createSender` needs. */
export interface SenderOptions {
  /** A new client with a partitioner. */
  readonly connect: (createPartitioner: ICustomPartitioner) => Producer;
  /** Which partition a record belongs to, such as kafkajs' `Partitioners.DefaultPartitioner`. */
  readonly partitioner: ICustomPartitioner;
  /** What all requests have in common: the topic, `acks`, the broker's `timeout` in milliseconds. */
  readonly request: Omit<ProducerRecord, 'messages'>;
  /** How long to try before an image is given up, in milliseconds; Kafka's `delivery.timeout.ms`. */
  readonly deliveryTimeoutMs: number;
  /** Bytes of a value above which a record is sent compressed. Default: none is. */
  readonly compressAbove?: number;
  /**
   * Bytes of small records that may share a request; at most what the topic takes. Values of 64 KiB and more never share
   * one. Default: none do.
   */
  readonly batchBytes?: number;
  /** Told while records have to be sent again. */
  readonly outage: {
    /** A record was not acknowledged, and is sent again; said of each attempt. */
    failed(reason: string): void;
    /** A record was acknowledged, and none is being sent again. */
    over(): void;
  };
}

/** A record to send, with a key. */
export type RecordToSend = Omit<Message, 'partition'>;

/** Sends records: large ones one by one, small ones together where many are on their way. */
export interface Sender {
  /**
   * Resolves when the record is acknowledged.
   *
   * @param partition where to; default: what the record's key gives
   * @returns where it is; undefined where nobody acknowledges
   * @throws KafkaConfigError `RECORD_TOO_LARGE` where the topic does not take so large a record; Error where it was refused
   * otherwise, or not acknowledged in time
   */
  send(record: RecordToSend, partition?: number): Promise<number | undefined>;
  /** Disconnects. */
  close(): Promise<void>;
}

/**
 * A sender that outlives its connections. kafkajs keeps using a socket that has stopped answering,
 * so after a failure of the connection the client is replaced.
 *
 * @throws what kafkajs throws where the first connection fails; `translate` says it in the user's terms
 */
export async function createSender({
  connect,
  partitioner,
  request,
  deliveryTimeoutMs,
  compressAbove = Number.POSITIVE_INFINITY,
  batchBytes = 0,
  outage,
}: SenderOptions): Promise<Sender> {
  const partitionOf = partitioner();
  /** As the client last saw them, which it looks up for every request; undefined before the first. */
  let partitionMetadata: PartitionMetadata[] | undefined;
  const observed: ICustomPartitioner = () => (args) => {
    partitionMetadata = args.partitionMetadata;
    return partitionOf(args);
  };
  const connected = async (): Promise<Connection> => {
    const client = connect(observed);
    await client.connect();
    return { client, batches: createBatches({ client, request, batchBytes, isRetriable }) };
  };
  let current = connected();
  await current;
  /** Records that were not acknowledged at first, and are sent again. */
  const again = new Set<RecordToSend>();

  /** Of many sends that fail together, the first one replaces the client for all. */
  function replace(broken: Promise<Connection>): void {
    if (current === broken) {
      broken.then(({ client }) => client.disconnect()).catch(() => {});
      current = connected();
      // Whoever sends next is told.
      current.catch(() => {});
    }
  }

  function transmit({ client, batches }: Connection, message: Message): Promise<RecordMetadata[]> {
    const bytes = message.value?.length ?? 0;
    if (bytes < largeBytes && bytes < batchBytes && partitionMetadata !== undefined) {
      return batches.send(message, partitionOf({ topic: request.topic, partitionMetadata, message }));
    }
    return client.send({
      ...request,
      ...(bytes > compressAbove && { compression: gzip }),
      messages: [message],
    });
  }

  return {
    async send(record, partition) {
      const deadline = performance.now() + deliveryTimeoutMs;
      for (;;) {
        const used = current;
        try {
          const message = { ...record, ...(partition !== undefined && { partition }) };
          const sent = transmit(await used, message);
          const results = await within(deadline, sent);
          assertAcknowledged(results, request.acks);
          again.delete(record);
          if (again.size === 0) {
            outage.over();
          }
          return results[0]?.partition ?? partition;
        } catch (error) {
          // A client that is being replaced runs into what it has given back already, which is no bug that would come again.
          const isRetried = isRetriable(error) || (used !== current && isProgrammingError(error));
          if (!isRetried || performance.now() + backoffMs > deadline) {
            again.delete(record);
            throw explain(error, record, request.topic);
          }
          again.add(record);
          outage.failed(`records are not acknowledged, and sent again: ${reasonOf(error)}`);
          await sleep(backoffMs);
          // Where a partition has no leader, nothing is wrong with the connections that others use.
          if ((rootCause(error) as { type?: string }).type !== 'LEADER_NOT_AVAILABLE') {
            replace(used);
          }
        }
      }
    },
    async close() {
      // Where the last attempt to connect failed, whoever sent was told, and there is nothing to close.
      const connection = await current.catch(() => undefined);
      await connection?.client.disconnect();
    },
  };
}

interface Connection {
  readonly client: Producer;
  readonly batches: Batches;
}

/** The result, unless it comes after the deadline; kafkajs itself would wait for as long as a request may take. */
async function within<T>(deadline: number, result: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const end = (): void => reject(new Error('it was not acknowledged within delivery.timeout.ms'));
    timer = setTimeout(end, Math.max(0, deadline - performance.now()));
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
    result.catch(() => {});
  }
}

/** kafkajs can resolve without having sent; with acknowledgements, the answer shows where the record is. */
function assertAcknowledged(results: readonly RecordMetadata[], acks: number | undefined): void {
  const [result] = results;
  if (acks !== 0 && !(result?.errorCode === 0 && Number(result.baseOffset) >= 0)) {
    throw new Error('the broker did not say where the record is');
  }
}

function explain(error: unknown, record: RecordToSend, topic: string): unknown {
  if (isTooLarge(error)) {
    return new KafkaConfigError(
      'RECORD_TOO_LARGE',
      `the broker refuses a record of ${sizeOf(record)} bytes; raise max.message.bytes of topic ${topic}`,
      { cause: error },
    );
  }
  return translate(error, [], 'the broker refused the record');
}

/** Bytes of key, value and headers. */
function sizeOf({ key, value, headers = {} }: RecordToSend): number {
  const parts = Object.entries(headers).flatMap(([name, values]) => [
    name,
    ...(Array.isArray(values) ? values : [values]),
  ]);
  return [key, value, ...parts].reduce((total, part) => total + Buffer.byteLength(part ?? ''), 0);
}
