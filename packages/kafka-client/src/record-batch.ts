import { crc32 } from 'node:zlib';
import type { CompressionCodec } from '@image-stream/kafka-config';
import { byteReader } from './byte-reader.ts';
import type { ByteReader } from './byte-reader.ts';

/** Values of a header: null is one, and a name may be there several times. */
export type HeaderValues = Buffer | null | (Buffer | null)[];

/** A record as a broker keeps it. */
export interface FetchedRecord {
  /** In decimal digits, since offsets have 64 bits. */
  readonly offset: string;
  /** Milliseconds since 1970, in decimal digits; -1 where there is none. */
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Without a prototype: names come from strangers. */
  readonly headers: Record<string, HeaderValues>;
  /** Where this record stands for a whole batch that cannot be read: why. Its value is the bytes of that batch. */
  readonly batchError?: string;
}

/** A batch, of which nothing but its head has been read. */
export interface RecordBatch {
  readonly lastOffset: bigint;
  /** -1 in formats before version 2. */
  readonly leaderEpoch: number;
  /** -1 where the producer is neither idempotent nor transactional. */
  readonly producerId: bigint;
  readonly isTransactional: boolean;
  /** What the batch says of its producer's transaction, where it is such a mark: it holds nothing else. */
  readonly mark: 'abort' | 'commit' | undefined;
  /** The records; of a batch that log compaction has emptied, none. */
  records(codecs: Codecs): Promise<FetchedRecord[]>;
}

/** Compressions by their ids. */
export type Codecs = Readonly<Record<number, () => Pick<CompressionCodec, 'decompress'>>>;

/** A batch that was damaged on the way: it is worth fetching again. */
export class DamagedBatchError extends Error {
  override readonly name = 'DamagedBatchError';
}

/** CRC-32C of some bytes. */
export type Checksum = (bytes: Buffer) => number;

/** Offset and length, before every batch and before every message of older formats. */
const headBytes = 12;

/** Where the magic byte is, in all formats. */
const magicAt = 16;

const compressionMask = 0b111;
const logAppendTime = 0b1000;
const transactional = 0b1_0000;
const control = 0b10_0000;

/**
 * The batches of a fetch, as in the log: https://kafka.apache.org/documentation/#messageformat
 *
 *     0    base offset 8 | length 4                                        then, of version 2:
 *     12   leader epoch 4 | magic 1 | CRC-32C 4, of all that follows
 *     21   attributes 2 | last offset delta 4 | base timestamp 8 | max timestamp 8
 *     43   producer id 8 | producer epoch 2 | base sequence 4 | record count 4
 *     61   records, compressed together
 *
 * The last batch may be cut off; it is left out.
 *
 * @throws DamagedBatchError where a batch is not what the broker sent
 */
export function* readBatches(bytes: Buffer, checksum: Checksum): Generator<RecordBatch> {
  for (let rest = bytes; rest.length > magicAt;) {
    const length = headBytes + rest.readInt32BE(8);
    if (length > rest.length) {
      return;
    }
    if (length <= magicAt) {
      throw new DamagedBatchError(`a batch of ${length} bytes is too short to be one`);
    }
    const batch = rest.subarray(0, length);
    rest = rest.subarray(length);
    yield batch[magicAt]! >= 2 ? readBatch(batch, checksum) : readMessage(batch, checksum);
  }
}

function readBatch(batch: Buffer, checksum: Checksum): RecordBatch {
  const reader = byteReader(batch);
  const baseOffset = reader.int64();
  reader.int32();
  const leaderEpoch = reader.int32();
  reader.int8();
  const crc = reader.int32() >>> 0;
  const actualCrc = checksum(batch.subarray(21));
  if (actualCrc !== crc) {
    throw new DamagedBatchError(
      `record batch at offset ${baseOffset} has CRC-32C ${actualCrc} where ${crc} is expected: it was damaged on the way`,
    );
  }
  const attributes = reader.int16();
  const lastOffset = baseOffset + BigInt(reader.int32());
  const baseTimestamp = reader.int64();
  const maxTimestamp = reader.int64();
  const producerId = reader.int64();
  reader.int16();
  reader.int32();
  const count = reader.int32();
  const packed = reader.bytes(reader.left);
  const timestampOf = (delta: bigint): bigint =>
    (attributes & logAppendTime) === 0 ? baseTimestamp + delta : maxTimestamp;

  return {
    lastOffset,
    leaderEpoch,
    producerId,
    isTransactional: (attributes & transactional) !== 0,
    mark: (attributes & control) === 0 ? undefined : markOf(packed),
    async records(codecs) {
      try {
        const inflated = byteReader(await inflate(packed, attributes, codecs));
        const records: FetchedRecord[] = [];
        for (let index = 0; index < count; index += 1) {
          records.push(readRecord(inflated, baseOffset, timestampOf));
        }
        return records;
      } catch (error) {
        return [unreadable(packed, lastOffset, maxTimestamp, error as Error)];
      }
    },
  };
}

/**
 *     length varint | attributes 1 | timestamp delta varlong | offset delta varint
 *     key length varint | key | value length varint | value | header count varint
 *     header    name length varint | name | value length varint | value
 */
function readRecord(
  reader: ByteReader,
  baseOffset: bigint,
  timestampOf: (delta: bigint) => bigint,
): FetchedRecord {
  reader.varint();
  reader.int8();
  const timestamp = String(timestampOf(reader.varlong()));
  const offset = String(baseOffset + BigInt(reader.varint()));
  const key = nullableBytes(reader);
  const value = nullableBytes(reader);
  const headers = Object.create(null) as Record<string, HeaderValues>;
  for (let left = reader.varint(); left > 0; left -= 1) {
    const name = reader.bytes(reader.varint()).toString();
    const one = nullableBytes(reader);
    const others = headers[name];
    if (others === undefined) {
      headers[name] = one;
    } else if (Array.isArray(others)) {
      others.push(one);
    } else {
      headers[name] = [others, one];
    }
  }
  return { offset, timestamp, key, value, headers };
}

function nullableBytes(reader: ByteReader): Buffer | null {
  const length = reader.varint();
  return length < 0 ? null : reader.bytes(length);
}

/** A mark's only record has a key of two int16: its version, and 0 for an abort. */
function markOf(packed: Buffer): 'abort' | 'commit' {
  const { key } = readRecord(byteReader(packed), 0n, (delta) => delta);
  return key?.readInt16BE(2) === 0 ? 'abort' : 'commit';
}

async function inflate(packed: Buffer, attributes: number, codecs: Codecs): Promise<Buffer> {
  const type = attributes & compressionMask;
  if (type === 0) {
    return packed;
  }
  const codec = codecs[type];
  if (codec === undefined) {
    throw new Error(`compression ${type} is not known`);
  }
  return codec().decompress(packed);
}

/** What stands for a batch that cannot be read, so that the records after it can be. */
function unreadable(value: Buffer, lastOffset: bigint, timestamp: bigint, { message }: Error): FetchedRecord {
  const headers = Object.create(null) as Record<string, HeaderValues>;
  return {
    offset: String(lastOffset),
    timestamp: String(timestamp),
    key: null,
    value,
    headers,
    batchError: message,
  };
}

/**
 * A message of the formats before Kafka 0.11, which old segments still have. A compressed one holds others.
 *
 *     0    offset 8 | length 4 | CRC-32 4 | magic 1 | attributes 1 | timestamp 8, of magic 1 only
 *          key length 4 | key | value length 4 | value
 */
function readMessage(bytes: Buffer, checksum: Checksum): RecordBatch {
  const reader = byteReader(bytes);
  const lastOffset = reader.int64();
  reader.int32();
  const crc = reader.int32() >>> 0;
  if (crc32(bytes.subarray(magicAt)) !== crc) {
    throw new DamagedBatchError(`the message at offset ${lastOffset} was damaged on the way`);
  }
  const magic = reader.int8();
  const attributes = reader.int8();
  const timestamp = magic === 0 ? -1n : reader.int64();
  const [key, value] = [longBytes(reader), longBytes(reader)];
  const headers = (): Record<string, HeaderValues> => Object.create(null) as Record<string, HeaderValues>;

  return {
    lastOffset,
    leaderEpoch: -1,
    producerId: -1n,
    isTransactional: false,
    mark: undefined,
    async records(codecs) {
      if ((attributes & compressionMask) === 0 || value === null) {
        return [{ offset: String(lastOffset), timestamp: String(timestamp), key, value, headers: headers() }];
      }
      try {
        const inner: FetchedRecord[] = [];
        for (const message of readBatches(await inflate(value, attributes, codecs), checksum)) {
          inner.push(...(await message.records({})));
        }
        // Of magic 1, offsets within are relative, and the outer one is the last.
        const base = magic === 0 ? 0n : lastOffset - BigInt(inner.at(-1)?.offset ?? 0);
        return inner.map((record) => ({
          ...record,
          offset: String(BigInt(record.offset) + base),
          timestamp: (attributes & logAppendTime) === 0 ? record.timestamp : String(timestamp),
        }));
      } catch (error) {
        return [unreadable(value, lastOffset, timestamp, error as Error)];
      }
    },
  };
}

function longBytes(reader: ByteReader): Buffer | null {
  const length = reader.int32();
  return length < 0 ? null : reader.bytes(length);
}
