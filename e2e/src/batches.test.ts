import { openTopicClient } from '@image-stream/kafka-client';
import { startKafka } from '@image-stream/local-kafka';
import kafkajs from 'kafkajs';
import sharp from 'sharp';
import { expect, onTestFinished, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopics } from './kafka.test-support.ts';
import { succeed } from './programs.test-support.ts';

test(
  'a batch that log compaction has emptied is passed over, before a record larger than a fetch',
  { timeout: 120_000 },
  async () => {
    const broker = await startKafka({ config: { 'log.cleaner.backoff.ms': '100' } });
    onTestFinished(() => broker.stop());
    const kafka = new kafkajs.Kafka({
      brokers: [broker.bootstrapServers],
      logLevel: kafkajs.logLevel.NOTHING,
    });
    const admin = kafka.admin();
    await admin.connect();
    onTestFinished(() => admin.disconnect());
    const topic = 'compacted';
    const settings = {
      'cleanup.policy': 'compact',
      'segment.ms': '500',
      'min.cleanable.dirty.ratio': '0.01',
      'delete.retention.ms': '0',
      'min.compaction.lag.ms': '0',
      'max.message.bytes': '13772512',
    };
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await createTopics(admin, { topic, numPartitions: 1, configEntries });

    // The cleaner keeps the last batch of a producer that numbers its batches, even when all records of it are gone.
    const numbering = kafka.producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await numbering.connect();
    await numbering.send({ topic, messages: [{ key: 'old', value: 'first' }] });
    await numbering.disconnect();

    const plain = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await plain.connect();
    onTestFinished(() => plain.disconnect());
    const noise = await sharp({
      create: {
        width: 1400,
        height: 1400,
        channels: 3,
        background: 'gray',
        noise: { type: 'gaussian', mean: 128, sigma: 60 },
      },
    })
      .png()
      .toBuffer();
    expect(noise.length).toBeGreaterThan(4 * 1024 ** 2);
    await plain.send({ topic, messages: [{ key: 'old', value: 'second' }] });
    await plain.send({ topic, messages: [{ key: 'photo', value: noise }] });

    const client = await openTopicClient(kafka, topic);
    onTestFinished(() => client.close());
    await client.describe();
    await expect
      .poll(
        async () => {
          // Only segments that are closed are cleaned, and a record closes the one before it.
          await plain.send({ topic, messages: [{ key: 'tick', value: null }] });
          const first = { partition: 0, offset: 0n, leaderEpoch: -1 };
          const [batch] = await client.fetch(1, [first], { maxBytes: 1 });
          return { records: batch!.records.length, next: batch!.next };
        },
        { timeout: 60_000, interval: 200 },
      )
      .toEqual({ records: 0, next: 1n });

    const output = temporaryFolder();
    const args = ['-bs', broker.bootstrapServers, '-t', topic, '-o', output, '--exit-at-end'];
    expect(await succeed('consumer', args)).toMatchObject({ images: 1 });
    expect(filesIn(output).filter((file) => file.endsWith('.png'))).toHaveLength(1);
  },
);
