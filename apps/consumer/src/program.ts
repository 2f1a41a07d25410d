import { KafkaConfigError } from '@image-stream/kafka-config';
import { ListenError } from '@image-stream/http';
import type { Command, Program } from '@image-stream/program';
import { StorageError } from '@image-stream/storage';
import packageJson from '../package.json' with { type: 'json' };
import { doctorOptions } from './doctor/options.ts';
import { options } from './options.ts';
import { peekOptions } from './peek/options.ts';
import { verifyOptions } from './verify/options.ts';
import { VerifyError } from './verify/verify-error.ts';

const verify: Command<typeof verifyOptions> = {
  summary: 'Checks that a topic and the saved files match, and reports each difference.',
  options: verifyOptions,
  examples: [
    ['$0 -o /data/images', 'compare all of data-stream with all files'],
    ['$0 --since 24h --json', "a day's records with their files, for a program"],
  ],
  run: async (context) => (await import('./verify/run.ts')).run(context),
};

const peek: Command<typeof peekOptions> = {
  summary: 'Shows the newest images of a topic in the terminal. Read-only: nothing is committed.',
  options: peekOptions,
  examples: [
    ['$0', 'the newest ten of data-stream'],
    ['$0 -n 3 --pictures', 'the newest three, with small pictures'],
    ['$0 -t data-stream.dead-letter', 'what was put aside, and why'],
  ],
  run: async (context) => (await import('./peek/run.ts')).run(context),
};

const doctor: Command<typeof doctorOptions> = {
  summary: 'Checks what the consumer needs, says what is wrong and how to fix it, changes nothing.',
  options: doctorOptions,
  examples: [
    ['$0 -o /data/images', 'this machine, that directory, the broker on localhost:29092 and data-stream'],
    ['$0 -F client.properties -t scans -gid archive', 'another cluster, with its login and permissions'],
  ],
  run: async (context) => (await import('./doctor/run.ts')).run(context),
};

/** The consumer, as it is called by itself. */
export const consumer = {
  name: 'consumer',
  version: packageJson.version,
  summary: 'Receives images from Apache Kafka and saves each of them once, complete.',
  options,
  examples: [
    ['$0', 'save the images of data-stream in output/ until interrupted'],
    ['$0 --exit-at-end -o /data/images', 'save what is there now, then stop'],
    ['$0 -n 10 --save-as jpeg', 'the next ten, as JPEG'],
    ['$0 -gid archive -aor earliest -bs kafka-1:9092', 'as a group of its own, from the beginning'],
  ],
  verb: 'saved',
  commands: { verify, peek, doctor },
  knownErrors: [KafkaConfigError, StorageError, ListenError, VerifyError],
  // The client is loaded when it is needed, so that --help and usage errors answer at once.
  run: async (context) => (await import('./run.ts')).run(context),
} satisfies Program<typeof options>;
