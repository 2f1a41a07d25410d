import { ensureTopic, loadProperties, openKafka, producerConfig } from '@image-stream/kafka-config';
import kafkajs from 'kafkajs';

const properties = await loadProperties({
  flags: { acks: { text: 'all', source: 'command line', origin: '--acks' } },
  overrides: ['client.id=camera-1'], // -X client.id=camera-1
  environment: process.env, // KAFKA_BOOTSTRAP_SERVERS
  file: process.env['COMMAND_CONFIG'], // such as client.properties
  defaults: { 'bootstrap.servers': 'localhost:29092' },
});

const { kafka, admin } = await openKafka(kafkajs, properties, console);
await ensureTopic(admin, 'pictures', { maxMessageBytes: 10_000_000 });
await admin.disconnect();

const { producer, send } = producerConfig(properties);
const sender = kafka.producer({ ...producer, createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
await sender.connect();
console.log(await sender.send({ ...send, topic: 'pictures', messages: [{ value: 'hello' }] }));
await sender.disconnect();
