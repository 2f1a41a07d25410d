/** A header's value: kafkajs gives a Buffer, a string or null, or a list of them where a name is repeated. */
export type HeaderValue = Uint8Array | string | null | readonly (Uint8Array | string | null)[] | undefined;

/** A Kafka record as received. A kafkajs message is one, once topic and partition are added. */
export interface ReceivedRecord {
  readonly topic: string;
  readonly partition: number;
  /** Decimal digits, since offsets have 64 bits. */
  readonly offset: string;
  /** Milliseconds since 1970, as decimal digits. */
  readonly timestamp: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: Readonly<Record<string, HeaderValue>> | undefined;
  /** Where one record stands for a batch that the client could not decompress: why. Its value is the compressed bytes. */
  readonly batchError?: string | undefined;
}

/** A Kafka record to send. A kafkajs producer takes it as it is. */
export interface OutgoingRecord {
  /** The image's id; in `python-json` a random UUID. */
  readonly key: string;
  readonly value: Buffer;
  /** None in `python-json`. */
  readonly headers: Record<string, string>;
}

/**
 * Bytes that a record takes on the wire when it travels as a batch of its own; this is what a
 * topic's `max.message.bytes` limits. An upper bound: every varint is counted at its longest.
 *
 *     batch     61                      https://kafka.apache.org/documentation/#recordbatch
 *     record    length 5 | attributes 1 | timestamp delta 10 | offset delta 5
 *               key length 5 | key | value length 5 | value | header count 5
 *     header    name length 5 | name | value length 5 | value
 */
export function recordBytes(key: string, headers: OutgoingRecord['headers'], valueBytes: number): number {
  let bytes = 61 + 36 + Buffer.byteLength(key) + valueBytes;
  for (const [name, text] of Object.entries(headers)) {
    bytes += 10 + Buffer.byteLength(name) + Buffer.byteLength(text);
  }
  return bytes;
}
