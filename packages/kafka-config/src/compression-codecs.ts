import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { lz4Bound, snappySize, zstdBound } from './inflated-size.ts';

/** As kafkajs takes it for a batch of records. */
export interface CompressionCodec {
  /** Compresses the records of a batch, which are in the encoder's buffer. */
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  /** Gives the records back. @throws Error where they would be larger than allowed, or the bytes are damaged */
  decompress(bytes: Buffer): Promise<Buffer>;
}

/** The ids of Kafka's record format: https://kafka.apache.org/documentation/#recordbatch */
const types = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

/** Ten times a batch of the usual limit; it keeps a few hostile bytes from taking all memory. */
const defaultMaxBatchBytes = 128 * 1024 ** 2;

/**
 * What `Object.assign(CompressionCodecs, compressionCodecs())` needs so that a kafkajs client reads
 * and writes every compression of Kafka. A codec's native module is loaded by its first batch.
 *
 * @param maxBatchBytes what would be larger once decompressed is refused before memory is allocated
 */
export function compressionCodecs(
  maxBatchBytes = defaultMaxBatchBytes,
): Record<number, () => CompressionCodec> {
  const assertFits = (bytes: number): void => {
    if (bytes > maxBatchBytes) {
      throw new Error(`a batch would be larger than ${maxBatchBytes} bytes once decompressed`);
    }
  };
  return {
    [types.gzip]: () => gzipCodec(maxBatchBytes),
    [types.snappy]: () => snappyCodec(assertFits),
    [types.lz4]: () => lz4Codec(assertFits),
    [types.zstd]: () => zstdCodec(assertFits),
  };
}

/** Throws where so many bytes are too many. */
type AssertFits = (bytes: number) => void;

const gzipCodec = (maxOutputLength: number): CompressionCodec => ({
  compress: ({ buffer }) => promisify(gzip)(buffer),
  decompress: (bytes) => promisify(gunzip)(bytes, { maxOutputLength }),
});

const lz4Codec = (assertFits: AssertFits): CompressionCodec => ({
  compress: async ({ buffer }) => (await import('lz4-napi')).compressFrame(buffer),
  async decompress(bytes) {
    assertFits(lz4Bound(bytes));
    return (await import('lz4-napi')).decompressFrame(bytes);
  },
});

const zstdCodec = (assertFits: AssertFits): CompressionCodec => ({
  compress: async ({ buffer }) => (await import('@mongodb-js/zstd')).compress(buffer),
  async decompress(bytes) {
    assertFits(zstdBound(bytes));
    return (await import('@mongodb-js/zstd')).decompress(bytes);
  },
});

const snappyCodec = (assertFits: AssertFits): CompressionCodec => ({
  compress: async ({ buffer }) => (await import('snappy')).compress(buffer),
  async decompress(bytes) {
    const blocks = snappyBlocks(bytes);
    assertFits(blocks.reduce((sum, block) => sum + snappySize(block), 0));
    const { uncompress } = await import('snappy');
    const inflated = await Promise.all(blocks.map((block) => uncompress(block, { asBuffer: true })));
    return Buffer.concat(inflated.map((block) => Buffer.from(block)));
  },
});

/*
 * Java frames Snappy as xerial/snappy-java does; librdkafka and kafkajs itself write bare blocks.
 *
 *     0    magic    \x82SNAPPY\0
 *     8    version and lowest compatible version, 4 bytes each
 *     16   blocks: length, 4 bytes big-endian, and a bare Snappy block, repeated
 */
const xerialMagic = Buffer.from('\x82SNAPPY\0', 'latin1');

function snappyBlocks(bytes: Buffer): Buffer[] {
  if (!bytes.subarray(0, 8).equals(xerialMagic)) {
    return [bytes];
  }
  const blocks: Buffer[] = [];
  for (let offset = 16; offset < bytes.length;) {
    const length = bytes.readUInt32BE(offset);
    blocks.push(bytes.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  return blocks;
}
