import { decodeRecord, encodeImage } from '@image-stream/codec';

// A red pixel beside a blue one: height 1, width 2, three channels.
const image = {
  id: 'two-pixels',
  customerId: 'example',
  createdAt: new Date(),
  content: { shape: [1, 2, 3], dtype: 'uint8', data: Uint8Array.of(255, 0, 0, 0, 0, 255) },
} as const;

for await (const record of encodeImage(image)) {
  // With kafkajs: await producer.send({ topic, messages: [record] });
  // and on the other side, in eachMessage({ topic, partition, message }):
  const received = {
    topic: 'pictures',
    partition: 0,
    offset: '0',
    timestamp: '0',
    ...record,
    key: Buffer.from(record.key),
  };
  const decoded = await decodeRecord(received);
  if (decoded.kind === 'image') {
    console.log(decoded.image.id, decoded.image.content);
  }
}
