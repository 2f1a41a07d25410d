import type { PropertyName } from './known-properties.ts';
import type { GivenValue, PropertySources } from './load-properties.ts';
import { localServer } from './translate.ts';

/**
 * The options of a program that connects. Values stay text: `loadProperties`
 * parses them, so that a value means the same wherever it was set.
 */
export function connectionOptions(defaults: { readonly requestTimeoutMs: string }) {
  return {
    'bootstrap-servers': {
      alias: 'bs',
      type: 'string',
      describe: 'Kafka brokers to connect to first, host:port, comma-separated; or KAFKA_BOOTSTRAP_SERVERS',
      defaultDescription: localServer,
      group: 'Kafka:',
    },
    topic: {
      alias: 't',
      type: 'string',
      describe: 'Kafka topic',
      default: 'data-stream',
      group: 'Kafka:',
    },
    'request-timeout-ms': {
      alias: 'rt',
      type: 'string',
      describe: 'Timeout of a request to Kafka, in milliseconds',
      defaultDescription: defaults.requestTimeoutMs,
      group: 'Kafka:',
    },
    'command-config': {
      alias: 'F',
      type: 'string',
      describe: 'Kafka client properties file: security.protocol, ssl.*, sasl.*, ...',
      group: 'Kafka:',
    },
    X: {
      type: 'array',
      describe: 'A Kafka client property, name=value; may be repeated; not for secrets',
      group: 'Kafka:',
    },
  } as const;
}

/**
 * Where the properties of such a program come from, for `loadProperties`: its options, this process's environment and
 * the file of `--command-config`. Brokers are on `localhost:29092` where nothing else says.
 *
 * @param context.path makes the path of a file absolute
 * @param context.given the values of an option, without its hyphens, the strongest last
 * @param own options that this program has besides, by the properties that they set, and what holds where nothing else says
 */
export function connectionSources(
  context: {
    readonly path: (path: string) => string;
    readonly given: (option: string) => readonly GivenValue[];
  },
  own: {
    readonly options: { readonly [Name in PropertyName]?: string };
    readonly defaults: NonNullable<PropertySources['defaults']>;
  },
): PropertySources {
  const { path, given } = context;
  const strongest = (option: string): GivenValue | undefined => given(option).at(-1);
  const options = {
    'bootstrap.servers': 'bootstrap-servers',
    'request.timeout.ms': 'request-timeout-ms',
    ...own.options,
  };
  const file = strongest('command-config')?.text;
  return {
    flags: Object.fromEntries(Object.entries(options).map(([name, option]) => [name, strongest(option)])),
    overrides: given('X'),
    environment: process.env,
    file: file && path(file),
    defaults: { 'bootstrap.servers': localServer, ...own.defaults },
  };
}
