import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { startKafka } from '@image-stream/local-kafka';
import type { KafkaCluster } from '@image-stream/local-kafka';
import kafkajs from 'kafkajs';
import type { Kafka } from 'kafkajs';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { clientConfig, compressionCodecs, loadProperties } from './index.ts';
import { createTopics } from './topics.test-support.ts';

/** How the batches that the consumer decompressed began. */
const beginnings: string[] = [];
beforeEach(() => {
  beginnings.length = 0;
});

let cluster: KafkaCluster;
let kafka: Kafka;
beforeAll(async () => {
  for (const [type, create] of Object.entries(compressionCodecs())) {
    const codec = create();
    const decompress = async (bytes: Buffer): Promise<Buffer> => {
      beginnings.push(bytes.toString('hex', 0, 8));
      return await codec.decompress(bytes);
    };
    Object.assign(kafkajs.CompressionCodecs, { [type]: () => ({ ...codec, decompress }) });
  }
  cluster = await startKafka({ config: { 'message.max.bytes': '10000000' } });
  const properties = await loadProperties({ overrides: [`bootstrap.servers=${cluster.bootstrapServers}`] });
  kafka = new kafkajs.Kafka(await clientConfig(properties, { debug: () => {} }));
});
afterAll(() => cluster.stop());

// Of several blocks in each of the formats, and what does not compress.
const values = [
  Buffer.alloc(5_000_000, 'image-stream '),
  randomBytes(300_000),
  Buffer.alloc(0),
  Buffer.from('é'),
];

/** Of large buffers, vitest compares and prints each byte on its own. */
const digest = (bytes: Buffer): string =>
  `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;

const magic = { gzip: '1f8b', lz4: '04224d18', zstd: '28b52ffd', xerial: '82534e4150505900' };

describe('what kafkajs wrote, kafkajs reads', () => {
  test.each([
    ['gzip', kafkajs.CompressionTypes.GZIP, magic.gzip],
    ['snappy', kafkajs.CompressionTypes.Snappy, `(?!${magic.xerial})`],
    ['lz4', kafkajs.CompressionTypes.LZ4, magic.lz4],
    ['zstd', kafkajs.CompressionTypes.ZSTD, magic.zstd],
  ])('%s', async (_name, compression, looks) => {
    const topic = await createTopic('producer');
    await send(topic, compression);
    expect(await receive(topic)).toEqual(values.map(digest));
    expect(beginnings).toEqual([expect.stringMatching(`^${looks}`)]);
  });
});

// With this setting of the topic, the broker compresses with the code that Kafka's Java clients use.
describe('what Java wrote, kafkajs reads', () => {
  test.each([
    ['gzip', magic.gzip],
    ['snappy', magic.xerial],
    ['lz4', magic.lz4],
    ['zstd', magic.zstd],
  ])('%s', async (name, looks) => {
    const topic = await createTopic(name);
    await send(topic, kafkajs.CompressionTypes.None);
    expect(await receive(topic)).toEqual(values.map(digest));
    expect(beginnings).toEqual([expect.stringMatching(`^${looks}`)]);
  });
});

// The broker reads each batch as it checks it, and stores it anew.
test.each([
  ['gzip', kafkajs.CompressionTypes.GZIP],
  ['snappy', kafkajs.CompressionTypes.Snappy],
  ['lz4', kafkajs.CompressionTypes.LZ4],
  ['zstd', kafkajs.CompressionTypes.ZSTD],
])('what kafkajs wrote, Java reads: %s', async (_name, compression) => {
  const topic = await createTopic('uncompressed');
  await send(topic, compression);
  expect(await receive(topic)).toEqual(values.map(digest));
  expect(beginnings).toEqual([]);
});

describe('a batch that would become larger than the limit is refused', () => {
  const { GZIP, Snappy, LZ4, ZSTD } = kafkajs.CompressionTypes;
  const mebibyte = 1024 ** 2;
  // The bound of LZ4 and Zstandard counts whole blocks, so it may exceed the size by one.
  const block = 64 * 1024;

  test.each([
    ['gzip', GZIP],
    ['snappy', Snappy],
    ['lz4', LZ4],
    ['zstd', ZSTD],
  ])('%s', async (_name, type) => {
    const codec = compressionCodecs(mebibyte + block)[type]!();
    const inflate = async (size: number) => (await codec.decompress(await deflate(size))).length;
    const deflate = (size: number) => codec.compress({ buffer: Buffer.alloc(size) });
    expect(await inflate(mebibyte)).toBe(mebibyte);
    await expect(inflate(2 * mebibyte)).rejects.toThrow(/larger than 1114112 bytes/);
  });

  test('xerial snappy, all blocks together', async () => {
    const codec = compressionCodecs(mebibyte)[Snappy]!();
    const framed = async (blocks: number): Promise<Buffer> => {
      const bare = await codec.compress({ buffer: Buffer.alloc(mebibyte / 4) });
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bare.length);
      const header = Buffer.from('82534e41505059000000000100000001', 'hex');
      return Buffer.concat([header, ...Array.from({ length: blocks }, () => [length, bare]).flat()]);
    };
    expect(await codec.decompress(await framed(4))).toHaveLength(mebibyte);
    await expect(codec.decompress(await framed(5))).rejects.toThrow(/larger than 1048576 bytes/);
  });

  test('zstd, all frames together, skipping those to skip', async () => {
    const codec = compressionCodecs(mebibyte)[ZSTD]!();
    const half = await codec.compress({ buffer: Buffer.alloc(mebibyte / 2) });
    const skippable = Buffer.from('502a4d1803000000aabbcc', 'hex');
    expect(await codec.decompress(Buffer.concat([half, skippable, half]))).toHaveLength(mebibyte);
    await expect(codec.decompress(Buffer.concat([half, skippable, half, half]))).rejects.toThrow(
      /larger than 1048576 bytes/,
    );
  });

  test('zstd that repeats one byte, 4 bytes for 128 KiB', async () => {
    const header = Buffer.from('28b52ffd0058', 'hex');
    const run = (isLast: boolean): Buffer => {
      const bytes = Buffer.alloc(4);
      bytes.writeUIntLE(((128 * 1024) << 3) | (1 << 1) | Number(isLast), 0, 3);
      return bytes;
    };
    const frame = (runs: number): Buffer =>
      Buffer.concat([header, ...Array.from({ length: runs }, (_, index) => run(index === runs - 1))]);
    const codec = compressionCodecs(mebibyte)[ZSTD]!();
    expect(await codec.decompress(frame(8))).toHaveLength(mebibyte);
    await expect(codec.decompress(frame(9))).rejects.toThrow(/larger than 1048576 bytes/);
  });
});

test.each([
  ['gzip', kafkajs.CompressionTypes.GZIP],
  ['snappy', kafkajs.CompressionTypes.Snappy],
  ['lz4', kafkajs.CompressionTypes.LZ4],
  ['zstd', kafkajs.CompressionTypes.ZSTD],
])('%s that is cut short is an error', async (_name, type) => {
  const codec = compressionCodecs()[type]!();
  const whole = await codec.compress({ buffer: randomBytes(1000) });
  for (const length of [0, 1, 5, 20, whole.length - 5]) {
    await expect(codec.decompress(whole.subarray(0, length)), `${length}`).rejects.toThrow();
  }
});

async function createTopic(compression: string): Promise<string> {
  const topic = `${compression}-${randomUUID()}`;
  const admin = kafka.admin();
  await admin.connect();
  await createTopics(admin, { topic, configEntries: [{ name: 'compression.type', value: compression }] });
  await admin.disconnect();
  return topic;
}

async function send(topic: string, compression: kafkajs.CompressionTypes): Promise<void> {
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({ topic, compression, messages: values.map((value) => ({ value })) });
  await producer.disconnect();
}

/** Reads as many records as `send` wrote. @returns their digests */
async function receive(topic: string): Promise<string[]> {
  const consumer = kafka.consumer({ groupId: randomUUID() });
  onTestFinished(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const received: string[] = [];
  await new Promise<void>((resolve, reject) => {
    // The coordinator of groups may be loading, on a broker that has just started: the client begins again by itself.
    consumer.on('consumer.crash', ({ payload }) => payload.restart || reject(payload.error));
    const eachMessage = async ({ message }: kafkajs.EachMessagePayload): Promise<void> => {
      received.push(digest(message.value!));
      if (received.length === values.length) {
        resolve();
      }
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  return received;
}
