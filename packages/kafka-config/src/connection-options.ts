import type { PropertySources } from './load-properties.ts';

/**
 * The options of a program that connects, as yargs definitions. Values stay text: `loadProperties`
 * parses them, so that a value means the same wherever it was set.
 */
export function connectionOptions(defaults: { readonly requestTimeoutMs: string }) {
  return {
    'bootstrap-servers': {
      alias: 'bs',
      type: 'string',
      requiresArg: true,
      describe: 'Kafka brokers to ask first, host:port, separated by commas; or KAFKA_BOOTSTRAP_SERVERS',
      defaultDescription: 'localhost:29092',
      group: 'Kafka:',
    },
    topic: {
      alias: 't',
      type: 'string',
      requiresArg: true,
      describe: 'Kafka topic',
      default: 'data-stream',
      group: 'Kafka:',
    },
    'request-timeout-ms': {
      alias: 'rt',
      type: 'string',
      requiresArg: true,
      describe: 'How long a request to Kafka may take',
      defaultDescription: defaults.requestTimeoutMs,
      group: 'Kafka:',
    },
    'command-config': {
      alias: 'F',
      type: 'string',
      requiresArg: true,
      describe: 'A Kafka client properties file: security.protocol, ssl.*, sasl.*, ...',
      group: 'Kafka:',
    },
    X: {
      type: 'array',
      string: true,
      requiresArg: true,
      nargs: 1,
      describe: 'One such property, as name=value; may be repeated; not for secrets',
      group: 'Kafka:',
    },
  } as const;
}

/** What a program was given for its `connectionOptions`. */
export interface ConnectionValues {
  readonly 'bootstrap-servers'?: string | undefined;
  readonly 'request-timeout-ms'?: string | undefined;
  readonly 'command-config'?: string | undefined;
  readonly X?: readonly (string | number)[] | undefined;
}

/**
 * Where the properties of such a program come from, for `loadProperties`: its options, this process's environment and
 * the file of `--command-config`. Brokers are on `localhost:29092` where nothing else says.
 *
 * @param context.path makes the path of a file absolute
 * @param context.configOf as in `PropertySources`
 * @param own options that this program has besides, and what holds where nothing else says
 */
export function connectionSources(
  values: ConnectionValues,
  context: {
    readonly path: (path: string) => string;
    readonly configOf: NonNullable<PropertySources['configOf']>;
  },
  own: Required<Pick<PropertySources, 'flags' | 'defaults'>>,
): PropertySources {
  return {
    flags: {
      'bootstrap.servers': { option: '--bootstrap-servers', text: values['bootstrap-servers'] },
      'request.timeout.ms': { option: '--request-timeout-ms', text: values['request-timeout-ms'] },
      ...own.flags,
    },
    overrides: values.X?.map(String) ?? [],
    environment: process.env,
    configOf: context.configOf,
    file: values['command-config'] && context.path(values['command-config']),
    defaults: { 'bootstrap.servers': 'localhost:29092', ...own.defaults },
  };
}
