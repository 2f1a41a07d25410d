// The least that sending files and saving them takes in Node.js with the client that this project uses. It checks nothing, gives no ids,
// knows no groups, no retries and no dead letters, and is of no use but as a limit.
//
//   node minimal.js produce <servers> <topic> <folder>          reads, hashes once, sends in batches
//   node minimal.js consume <servers> <topic> <count> <output>  receives, writes, syncs, links
//   node minimal.js consume <servers> <topic> <count>           receives
import { hash } from 'node:crypto';
import { close, fsync, link, open, readdirSync, readFileSync, unlink, write } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fetchRecords, openTopicClient } from '@image-stream/kafka-client';
import kafkajs from 'kafkajs';

const [command, servers, topic, ...rest] = process.argv.slice(2) as [string, string, string, ...string[]];
const kafka = new kafkajs.Kafka({ brokers: [servers], logLevel: 0 });
await (command === 'produce' ? produce(rest[0]!) : consume(Number(rest[0]), rest[1]));
process.exit(0);

/** As many requests at once, and bytes of a request, as the producer of this project has. */
async function produce(folder: string): Promise<void> {
  const [requestsAtOnce, batchBytes] = [5, 512 * 1024];
  const producer = kafka.producer({ allowAutoTopicCreation: false, maxInFlightRequests: requestsAtOnce });
  await producer.connect();
  const left = readdirSync(folder).values();
  const sendBatches = async (): Promise<void> => {
    for (;;) {
      const messages: { key: string; value: Buffer }[] = [];
      for (let bytes = 0; bytes < batchBytes; bytes += messages.at(-1)!.value.length) {
        const { value: name, done } = left.next();
        if (done === true) {
          break;
        }
        const value = readFileSync(join(folder, name));
        messages.push({ key: hash('sha256', value), value });
      }
      if (messages.length === 0) {
        return;
      }
      await producer.send({ topic, acks: 1, messages });
    }
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, sendBatches));
  await producer.disconnect();
}

async function consume(count: number, output: string | undefined): Promise<void> {
  const client = await openTopicClient(kafka, topic);
  const state = await client.describe();
  const stopping = new AbortController();
  const save = output === undefined ? async () => {} : saver(output);
  let received = 0;
  await fetchRecords({
    client,
    topic: state,
    positions: new Map([...state.leaders.keys()].map((partition) => [partition, { offset: 0n, epoch: -1 }])),
    async take(partition, records) {
      await Promise.all(
        records.map(async ({ offset, value }) => {
          await save(`${partition}-${offset}`, value!);
          received += 1;
        }),
      );
      if (received === count) {
        stopping.abort();
      }
    },
    jumped() {},
    changed() {},
    stalled() {},
    signal: stopping.signal,
  });
}

/** Each file appears whole, and is durable. */
function saver(output: string): (name: string, bytes: Uint8Array) => Promise<void> {
  const calls = { open: promisify(open), write: promisify(write), fsync: promisify(fsync) };
  const others = { close: promisify(close), link: promisify(link), unlink: promisify(unlink) };
  return async (name, bytes) => {
    const temporary = join(output, `.${name}`);
    const file = await calls.open(temporary, 'wx');
    await calls.write(file, bytes);
    await calls.fsync(file);
    await others.close(file);
    await others.link(temporary, join(output, `${name}.jpg`));
    await others.unlink(temporary);
  };
}
