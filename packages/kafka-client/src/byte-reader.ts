/** Reads Kafka's primitive types one after the other: https://kafka.apache.org/protocol#protocol_types */
export interface ByteReader {
  /** Bytes that are left. */
  readonly left: number;
  int8(): number;
  int16(): number;
  int32(): number;
  int64(): bigint;
  /** A zigzag-encoded 32-bit varint. */
  varint(): number;
  /** A zigzag-encoded 64-bit varint. */
  varlong(): bigint;
  /** A 32-bit varint without a sign. */
  uvarint(): number;
  /** A slice, not a copy. */
  bytes(length: number): Buffer;
  /** A string whose length is an `int16`; null where that is -1. */
  string(): string | null;
  /** A string of the flexible versions, whose length is a varint; null where that is 0. */
  compactString(): string | null;
  array<T>(read: () => T): T[];
  compactArray<T>(read: () => T): T[];
  /** Skips the tagged fields that end every structure of a flexible version. */
  tags(): void;
}

/** Bytes that do not have the form that they should have. */
class MalformedError extends Error {
  override readonly name = 'MalformedError';
}

/** @throws MalformedError in any method, where the bytes end too early or a length is negative */
export function byteReader(buffer: Buffer): ByteReader {
  let position = 0;

  function take(length: number): number {
    const start = position;
    if (length < 0 || start + length > buffer.length) {
      throw new MalformedError(
        `${length} bytes are wanted at ${start}, and ${buffer.length - start} are left`,
      );
    }
    position += length;
    return start;
  }

  function uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = buffer[take(1)]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        return value >>> 0;
      }
    }
    throw new MalformedError('a varint has more than 5 bytes');
  }

  function text(length: number): string | null {
    if (length < 0) {
      return null;
    }
    const start = take(length);
    return buffer.toString('utf8', start, start + length);
  }

  function repeated<T>(count: number, read: () => T): T[] {
    const items: T[] = [];
    for (let index = 0; index < count; index += 1) {
      items.push(read());
    }
    return items;
  }

  const reader: ByteReader = {
    get left() {
      return buffer.length - position;
    },
    int8: () => buffer.readInt8(take(1)),
    int16: () => buffer.readInt16BE(take(2)),
    int32: () => buffer.readInt32BE(take(4)),
    int64: () => buffer.readBigInt64BE(take(8)),
    uvarint,
    varint() {
      const value = uvarint();
      return (value >>> 1) ^ -(value & 1);
    },
    varlong() {
      let value = 0n;
      for (let shift = 0n; shift < 70n; shift += 7n) {
        const byte = buffer[take(1)]!;
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) {
          return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
        }
      }
      throw new MalformedError('a varint has more than 10 bytes');
    },
    bytes(length) {
      const start = take(length);
      return buffer.subarray(start, start + length);
    },
    string: () => text(reader.int16()),
    compactString: () => text(uvarint() - 1),
    array: (read) => repeated(reader.int32(), read),
    compactArray: (read) => repeated(uvarint() - 1, read),
    tags() {
      for (let count = uvarint(); count > 0; count -= 1) {
        uvarint();
        take(uvarint());
      }
    },
  };
  return reader;
}
