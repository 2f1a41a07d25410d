import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';

/** As kafkajs takes it for a batch of records. */
interface CompressionCodec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  decompress(bytes: Buffer): Promise<Buffer>;
}

/** The ids of Kafka's record format: https://kafka.apache.org/documentation/#recordbatch */
const types = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

/** A batch is at most this large once decompressed, whatever its size on the wire. */
const maxBatchBytes = 1024 ** 3;

/**
 * What `Object.assign(CompressionCodecs, compressionCodecs())` needs so that a kafkajs client reads
 * and writes every compression of Kafka. A codec's native module is loaded by its first batch.
 */
export function compressionCodecs(): Record<number, () => CompressionCodec> {
  return {
    [types.gzip]: () => gzipCodec,
    [types.snappy]: () => snappyCodec,
    [types.lz4]: () => lz4Codec,
    [types.zstd]: () => zstdCodec,
  };
}

const gzipCodec: CompressionCodec = {
  compress: ({ buffer }) => promisify(gzip)(buffer),
  decompress: (bytes) => promisify(gunzip)(bytes, { maxOutputLength: maxBatchBytes }),
};

const lz4Codec: CompressionCodec = {
  compress: async ({ buffer }) => (await import('lz4-napi')).compressFrame(buffer),
  decompress: async (bytes) => (await import('lz4-napi')).decompressFrame(bytes),
};

const zstdCodec: CompressionCodec = {
  compress: async ({ buffer }) => (await import('@mongodb-js/zstd')).compress(buffer),
  decompress: async (bytes) => (await import('@mongodb-js/zstd')).decompress(bytes),
};

/*
 * Java frames Snappy as xerial/snappy-java does; librdkafka and kafkajs itself write bare blocks.
 *
 *     0    magic    \x82SNAPPY\0
 *     8    version and lowest compatible version, 4 bytes each
 *     16   blocks: length, 4 bytes big-endian, and a bare Snappy block, repeated
 */
const xerialMagic = Buffer.from('\x82SNAPPY\0', 'latin1');

const snappyCodec: CompressionCodec = {
  compress: async ({ buffer }) => (await import('snappy')).compress(buffer),
  async decompress(bytes) {
    const { uncompress } = await import('snappy');
    const inflate = async (block: Buffer): Promise<Buffer> =>
      Buffer.from(await uncompress(block, { asBuffer: true }));
    if (!bytes.subarray(0, 8).equals(xerialMagic)) {
      return inflate(bytes);
    }
    const blocks: Buffer[] = [];
    for (let offset = 16; offset < bytes.length;) {
      const length = bytes.readUInt32BE(offset);
      blocks.push(await inflate(bytes.subarray(offset + 4, offset + 4 + length)));
      offset += 4 + length;
    }
    return Buffer.concat(blocks);
  },
};
