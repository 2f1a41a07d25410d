import { crc32c } from '@node-rs/crc32';

/** What a batch is made of; what is not said is as an ordinary producer has it. */
export interface BatchParts {
  readonly baseOffset: number;
  /** Keys of the records; their offsets follow one another. */
  readonly keys?: readonly (Buffer | string | null)[];
  /** Default: that of the last key. */
  readonly lastOffset?: number;
  readonly producerId?: number;
  readonly isTransactional?: boolean;
  readonly mark?: 'abort' | 'commit';
  readonly leaderEpoch?: number;
  /** Bytes and their compression, instead of the records of `keys`. */
  readonly packed?: { readonly type: number; readonly bytes: Buffer };
}

/** A record batch of version 2, made here byte by byte, so that reader and writer are not one. */
export function batch({
  baseOffset,
  keys = [],
  lastOffset = baseOffset + Math.max(0, keys.length - 1),
  producerId = -1,
  isTransactional = false,
  mark,
  leaderEpoch = 0,
  packed,
}: BatchParts): Buffer {
  const records = mark === undefined ? keys.map(record) : [record(markKey(mark), 0)];
  const body = packed?.bytes ?? Buffer.concat(records);
  const attributes = (packed?.type ?? 0) | (isTransactional ? 0x10 : 0) | (mark === undefined ? 0 : 0x20);
  const head = Buffer.alloc(40);
  head.writeInt16BE(attributes, 0);
  head.writeInt32BE(lastOffset - baseOffset, 2);
  head.writeBigInt64BE(1000n, 6);
  head.writeBigInt64BE(1000n, 14);
  head.writeBigInt64BE(BigInt(producerId), 22);
  head.writeInt32BE(records.length, 36);
  const checked = Buffer.concat([head, body]);
  const before = Buffer.alloc(21);
  before.writeBigInt64BE(BigInt(baseOffset), 0);
  before.writeInt32BE(9 + checked.length, 8);
  before.writeInt32BE(leaderEpoch, 12);
  before.writeInt8(2, 16);
  before.writeUInt32BE(crc32c(checked), 17);
  return Buffer.concat([before, checked]);
}

function record(key: Buffer | string | null, index: number): Buffer {
  const keyBytes = key === null ? [varint(-1)] : [varint(Buffer.byteLength(key)), Buffer.from(key)];
  const body = Buffer.concat([
    Buffer.from([0]),
    varint(0),
    varint(index),
    ...keyBytes,
    varint(-1),
    varint(0),
  ]);
  return Buffer.concat([varint(body.length), body]);
}

function markKey(mark: 'abort' | 'commit'): Buffer {
  return Buffer.from([0, 0, 0, mark === 'abort' ? 0 : 1]);
}

/** Zigzag-encoded. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = ((value << 1) ^ (value >> 31)) >>> 0; ; rest >>>= 7) {
    if (rest < 0x80) {
      return Buffer.from([...bytes, rest]);
    }
    bytes.push((rest & 0x7f) | 0x80);
  }
}
