import { ImageIoError } from '@image-stream/image-io';
import { KafkaConfigError } from '@image-stream/kafka-config';
import { ListenError } from '@image-stream/http';
import type { Command, Program } from '@image-stream/program';
import packageJson from '../package.json' with { type: 'json' };
import { doctorOptions } from './doctor/options.ts';
import { options } from './options.ts';

const doctor: Command<typeof doctorOptions> = {
  summary: 'Checks what the producer needs, says what is wrong and how to fix it, changes nothing.',
  options: doctorOptions,
  examples: [
    ['$0', 'this machine, the broker on localhost:29092 and data-stream'],
    ['$0 -F client.properties -t scans', 'another cluster, with its login and permissions'],
  ],
  run: async (context) => (await import('./doctor/run.ts')).run(context),
};

/** The producer, as it is called by itself. */
export const producer = {
  name: 'producer',
  version: packageJson.version,
  summary: 'Sends images to Apache Kafka: files unchanged, or generated images.',
  inputs: {
    name: 'inputs',
    describe:
      'files, folders, globs, tar and ZIP archives, or - for images one after another on standard input',
  },
  options,
  examples: [
    ['$0 photos --recursive', 'a folder of pictures, unchanged'],
    ['$0 shards/*.tar', 'the images of WebDataset shards, or of any tar or ZIP archive'],
    ['$0 -n 10', 'ten generated images, to localhost:29092'],
    ['$0 -n 100 --pattern mandelbrot --acks all', 'a hundred, acknowledged by all in-sync replicas'],
    ['$0 -n 10 --format python-json', 'as the Python application sends them'],
    ['$0 -n 3600 --rate 1 -cid lab-7 -bs kafka-1:9092', 'one per second for an hour, for customer lab-7'],
  ],
  verb: 'sent',
  commands: { doctor },
  knownErrors: [KafkaConfigError, ImageIoError, ListenError],
  // The client is loaded when it is needed, so that --help and usage errors answer at once.
  run: async (context) => (await import('./run.ts')).run(context),
} satisfies Program<typeof options>;
