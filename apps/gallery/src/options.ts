import { encodings, encodingSynonyms } from '@image-stream/image-io';
import { connectionOptions } from '@image-stream/kafka-config';
import { healthOptions } from '@image-stream/http';
import { integer, nonEmpty, outputOptions, timeZone, UsageError } from '@image-stream/program';
import type { GivenValue, OptionDefinitions } from '@image-stream/program';
import { layouts, outputLocation, s3Options } from '@image-stream/storage';

const text = { type: 'string' } as const;
const list = { type: 'array' } as const;

/** Everything that can be said to the gallery. */
export const options = {
  port: {
    ...text,
    alias: 'p',
    coerce: integer('--port', 0, 65_535),
    describe: 'Port to serve the page on; 0: any free port',
    defaultDescription: '8080',
    group: 'Page:',
  },
  host: {
    ...text,
    coerce: nonEmpty('--host'),
    describe: 'Address to listen on; 0.0.0.0 serves other machines, and anyone there unless there is a login',
    default: '127.0.0.1',
    group: 'Page:',
  },
  'login-file': {
    ...text,
    describe: 'File of logins, one user:password or token per line; or IMAGE_STREAM_LOGIN',
    group: 'Page:',
  },
  'base-path': {
    ...text,
    coerce: basePath,
    describe: 'URL path of the page, such as /pictures/ behind a reverse proxy',
    default: '/',
    group: 'Page:',
  },
  'allowed-host': {
    ...list,
    describe:
      'Host name for the page besides localhost and IP addresses; .example.com includes subdomains; may be repeated',
    group: 'Page:',
  },
  ...connectionOptions({ requestTimeoutMs: '30000' }),
  topic: {
    ...list,
    alias: 't',
    describe: 'Kafka topics to choose from, comma-separated or repeated',
    defaultDescription: 'data-stream',
    group: 'Kafka:',
  },
  'group-id': {
    ...text,
    alias: 'gid',
    describe: 'Consumer group whose lag is shown',
    defaultDescription: 'image-consumer',
    group: 'Kafka:',
  },
  'dead-letter-topic': {
    ...text,
    describe: 'Where the consumer puts bad records',
    defaultDescription: '<topic>.dead-letter',
    group: 'Kafka:',
  },
  'output-directory': {
    ...text,
    alias: ['o', 'output'],
    coerce: outputLocation('--output-directory'),
    describe: 'Where the consumer saves images: a directory, or s3://bucket/prefix; also --output',
    default: 'output',
    group: 'Files:',
  },
  ...s3Options,
  layout: {
    choices: layouts,
    default: 'files',
    describe: 'The same as for the consumer',
    group: 'Files:',
  },
  'save-as': {
    choices: ['original', ...encodings] as const,
    synonyms: encodingSynonyms,
    default: 'original',
    describe: 'The same as for the consumer',
    group: 'Files:',
  },
  'time-zone': {
    ...text,
    coerce: timeZone('--time-zone'),
    describe: 'The same as for the consumer',
    default: 'UTC',
    group: 'Files:',
  },
  'max-image-pixels': {
    ...text,
    coerce: integer('--max-image-pixels', 1),
    describe: 'Maximum pixels of a decoded image',
    defaultDescription: '268402689',
    group: 'Limits:',
  },
  ...healthOptions,
  ...outputOptions,
} as const satisfies OptionDefinitions;

/** The values of an option that takes several, with commas or repeated: those of the strongest source. */
export function listOf(given: readonly GivenValue[]): string[] {
  const own = given.filter(({ source }) => source === given.at(-1)!.source);
  return [...new Set(own.flatMap(({ text: values }) => values.split(',')).map((value) => value.trim()))];
}

/** Names for `--allowed-host`. @throws UsageError */
export function hostNames(given: readonly GivenValue[]): string[] {
  const names = listOf(given);
  const wrong = names.find((name) => !/^\.?[\w-]+(\.[\w-]+)*$/.test(name));
  if (wrong !== undefined) {
    throw new UsageError(
      `--allowed-host must be a name such as gallery.example.com, or .example.com, without scheme and port, not '${wrong}'`,
    );
  }
  return names;
}

/** With a slash at both ends. */
function basePath(path: string): string {
  if (!/^\/([\w~-][\w.~-]*(\/|$))*$/.test(path)) {
    throw new UsageError(`--base-path must be a path such as /pictures/, not '${path}'`);
  }
  return path.endsWith('/') ? path : `${path}/`;
}
