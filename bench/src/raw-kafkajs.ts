// Sends records of 6.2 MB, or receives and drops them, through one of two releases of kafkajs.
//
//   node raw-kafkajs.js kafkajs|kafkajs-unpatched produce|consume <servers> <topic> <count> <group>
import { randomBytes } from 'node:crypto';
import type { Kafka, KafkaConfig } from 'kafkajs';

const [client, command, servers, topic, count, groupId] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const { default: kafkajs } = (await import(client)) as {
  default: { Kafka: new (config: KafkaConfig) => Kafka };
};
const kafka = new kafkajs.Kafka({ brokers: [servers], logLevel: 0 });
await (command === 'produce' ? produce(Number(count)) : consume(Number(count)));

/** As many requests at once as the producer of this project has. */
async function produce(wanted: number): Promise<void> {
  const producer = kafka.producer({ allowAutoTopicCreation: false, maxInFlightRequests: 5 });
  await producer.connect();
  const value = randomBytes(1920 * 1080 * 3);
  let left = wanted;
  const send = async (): Promise<void> => {
    while (left-- > 0) {
      await producer.send({ topic, acks: 1, messages: [{ value }] });
    }
  };
  await Promise.all(Array.from({ length: 5 }, send));
  await producer.disconnect();
}

async function consume(wanted: number): Promise<void> {
  const consumer = kafka.consumer({ groupId, maxBytes: 4 * 1024 * 1024 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let received = 0;
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({ autoCommit: false, eachMessage: async () => void (++received === wanted && resolve()) })
      .catch(reject);
  });
  await consumer.disconnect();
}
