// A consumer of your own, on the codec and a Kafka client: prints the images that come, until Ctrl-C.
//
//   node examples/consumer.js data-stream
import { decodeRecord, isPixelArray } from '@image-stream/codec';
import kafkajs from 'kafkajs';

const [topic = 'data-stream'] = process.argv.slice(2);
const brokers = (process.env.KAFKA_BOOTSTRAP_SERVERS ?? 'localhost:29092').split(',');
const kafka = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.ERROR });
const consumer = kafka.consumer({ groupId: `${topic}-example` });
process.once('SIGINT', () => consumer.disconnect());

await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
await consumer.run({
  eachMessage: async ({ partition, message }) => {
    const decoded = await decodeRecord({ topic, partition, ...message });
    if (decoded.kind === 'chunk') {
      return; // The codec's README says how the chunks of an image that is larger than a record are put together.
    }
    const { customerId, id, content } = decoded.image;
    const what = isPixelArray(content) ? `pixels of ${content.shape.join(' x ')}` : content.mediaType;
    console.log(customerId, id, what);
  },
});
