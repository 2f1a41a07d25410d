import type { Message, Producer, ProducerRecord, RecordMetadata } from 'kafkajs';
import { rootCause } from '@image-stream/kafka-config';

export interface BatchesOptions {
  /** Sends to its broker. */
  readonly client: Producer;
  readonly request: Omit<ProducerRecord, 'messages'>;
  /** Bytes of a batch; Kafka's `batch.size`. A record that is larger goes alone. */
  readonly batchBytes: number;
  /** Whether it may help to send again what failed with this error. */
  readonly isRetriable: (error: unknown) => boolean;
}

/** Sends small records, several in one request. */
export interface Batches {
  /** Resolves when the record is acknowledged, to what the broker answered for its partition. */
  send(record: Message, partition: number): Promise<RecordMetadata[]>;
}

interface Waiting {
  readonly message: Message;
  readonly bytes: number;
  readonly resolve: (results: RecordMetadata[]) => void;
  readonly reject: (error: unknown) => void;
}

/** More than a batch or a record takes besides what it holds. */
const overheadBytes = 64;

/**
 * While a request is on its way to a partition, the records for that partition collect, and go together when it is
 * answered: a lone record never waits, and the busier the broker is, the more of them share a request. Each request is
 * for one partition: with several, kafkajs can lose a record and report success.
 */
export function createBatches({ client, request, isRetriable, ...options }: BatchesOptions): Batches {
  let { batchBytes } = options;
  const waiting = new Map<number, Waiting[]>();
  const busy = new Set<number>();

  async function sendWaiting(partition: number, records: Waiting[]): Promise<void> {
    busy.add(partition);
    while (records.length > 0) {
      await transmit(takeBatch(records, batchBytes), records);
    }
    busy.delete(partition);
  }

  /** @param waitingRecords what comes after these */
  async function transmit(records: readonly Waiting[], waitingRecords: Waiting[]): Promise<void> {
    try {
      const results = await client.send({ ...request, messages: records.map(({ message }) => message) });
      for (const { resolve } of records) {
        resolve(results);
      }
    } catch (error) {
      if (records.length > 1 && isTooLarge(error)) {
        // The topic takes less than it did.
        batchBytes = Math.floor(records.reduce((sum, { bytes }) => sum + bytes, 0) / 2);
      }
      if (records.length > 1 && !isRetriable(error)) {
        // One of them is refused, and the broker does not say which.
        await Promise.all(records.map((record) => transmit([record], waitingRecords)));
        return;
      }
      // What waits for a connection that is lost would only find out later.
      const lost = isRetriable(error) ? waitingRecords.splice(0) : [];
      for (const { reject } of [...records, ...lost]) {
        reject(error);
      }
    }
  }

  return {
    send: (record, partition) =>
      new Promise((resolve, reject) => {
        const records = waiting.get(partition) ?? [];
        waiting.set(partition, records);
        records.push({ message: { ...record, partition }, bytes: sizeOf(record), resolve, reject });
        if (!busy.has(partition)) {
          void sendWaiting(partition, records);
        }
      }),
  };
}

/** Whether a broker refused a request because it is larger than its topic takes. */
export function isTooLarge(error: unknown): boolean {
  const { type = '' } = rootCause(error) as { type?: string };
  return type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE';
}

/** Takes as many records as fit, and at least one. */
function takeBatch(records: Waiting[], batchBytes: number): Waiting[] {
  let bytes = overheadBytes + records[0]!.bytes;
  let count = 1;
  while (count < records.length && bytes + records[count]!.bytes <= batchBytes) {
    bytes += records[count]!.bytes;
    count += 1;
  }
  return records.splice(0, count);
}

function sizeOf({ key, value, headers = {} }: Message): number {
  let total = overheadBytes + sizeOfPart(key) + sizeOfPart(value);
  for (const name of Object.keys(headers)) {
    const values = headers[name];
    // A repeated header has its name each time.
    for (const one of Array.isArray(values) ? values : [values]) {
      total += sizeOfPart(name) + sizeOfPart(one);
    }
  }
  return total;
}

function sizeOfPart(part: Buffer | string | null | undefined): number {
  return 8 + (typeof part === 'string' ? Buffer.byteLength(part) : (part?.length ?? 0));
}
