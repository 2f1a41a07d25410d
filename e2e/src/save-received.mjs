// A consumer as a user of the library may write it: saves what comes, once, however often it comes.
//
//   node save-received.mjs <topic> <output>
import { link, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { receive } from '@image-stream/cli';

const [topic, output] = process.argv.slice(2);
const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());
const temporary = join(output, '.tmp', String(process.pid));
await mkdir(dirname(temporary), { recursive: true });

const images = receive({
  topic,
  group: topic,
  signal: stopping.signal,
  properties: { 'session.timeout.ms': 1000, 'heartbeat.interval.ms': 200 },
});
for await (const { customerId, id, content } of images) {
  const file = await open(temporary, 'w');
  await pipeline(content.stream(), file.createWriteStream({ flush: true }));
  const path = join(output, `customer=${customerId}`, `${id}.png`);
  await mkdir(dirname(path), { recursive: true });
  await link(temporary, path).catch((error) => {
    if (error.code !== 'EEXIST') {
      throw error;
    }
  });
  await rm(temporary);
}
