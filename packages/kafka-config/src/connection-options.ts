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
