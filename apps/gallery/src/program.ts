import { ImageIoError } from '@image-stream/image-io';
import { KafkaConfigError } from '@image-stream/kafka-config';
import { ListenError } from '@image-stream/http';
import type { Program } from '@image-stream/program';
import packageJson from '../package.json' with { type: 'json' };
import { options } from './options.ts';

/** The gallery, as it is called by itself. */
export const gallery = {
  name: 'gallery',
  version: packageJson.version,
  summary: 'Shows the images of a Kafka topic live in a browser. Read-only: nothing is committed.',
  options,
  examples: [
    ['$0', 'the pictures of data-stream, on http://localhost:8080'],
    ['$0 -t scans -bs kafka-1:9092 --port 0', 'of another topic, on any port that is free'],
    ['$0 -o /data/images -gid archive', "with links to a consumer's files, and the lag of its group"],
    ['$0 -t scans,photos --host 0.0.0.0 --login-file logins', 'two topics, for others who have a login'],
  ],
  verb: 'showed',
  knownErrors: [KafkaConfigError, ImageIoError, ListenError],
  // The client is loaded when it is needed, so that --help and usage errors answer at once.
  run: async (context) => (await import('./run.ts')).run(context),
} satisfies Program<typeof options>;
