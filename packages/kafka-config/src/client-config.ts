import type { ConsumerConfig, KafkaConfig, logLevel, ProducerConfig, ProducerRecord } from 'kafkajs';
import type { KafkaProperties } from './known-properties.ts';
import { securityConfig } from './security.ts';

/** Reports of the client, at its own level of alarm. A pino logger is one. */
export interface ClientLogger {
  /**
   * Takes what kafkajs logs.
   *
   * @param details what it says besides the message
   */
  debug(details: object, message: string): void;
}

/** kafkajs's `logLevel.INFO`, spelled out so that this module loads without the client. */
const kafkajsInfo = 4;

/**
 * The configuration of a kafkajs client. Its own log goes to `logger` as debug entries: what matters, the apps report.
 *
 * @throws KafkaConfigError `INVALID_PROPERTY` for keys, certificates or a login that cannot be used, `UNREADABLE_FILE`
 * for a file that a property names
 */
export async function clientConfig(properties: KafkaProperties, logger: ClientLogger): Promise<KafkaConfig> {
  return {
    brokers: [...(properties['bootstrap.servers'] ?? [])],
    clientId: properties['client.id'] ?? 'image-stream',
    connectionTimeout: properties['socket.connection.setup.timeout.ms'] ?? 3000,
    requestTimeout: properties['request.timeout.ms'] ?? 30_000,
    enforceRequestTimeout: true,
    ...(await securityConfig(properties)),
    // Each connection is tried six times within five seconds; what to do after that, the apps decide.
    retry: { initialRetryTime: 300, maxRetryTime: 1000, retries: 5 },
    logLevel: kafkajsInfo as logLevel,
    logCreator:
      () =>
      ({ log: { message, ...details } }) =>
        logger.debug(details, message),
  };
}

/** What a producer is made of and how it sends. */
export function producerConfig(properties: KafkaProperties): {
  producer: ProducerConfig;
  send: Pick<ProducerRecord, 'acks' | 'timeout'>;
} {
  return {
    producer: {
      // kafkajs reuses sequence numbers after an error, and the broker then drops new records as duplicates.
      idempotent: false,
      allowAutoTopicCreation: false,
      metadataMaxAge: properties['metadata.max.age.ms'] ?? 300_000,
      retry: { initialRetryTime: properties['retry.backoff.ms'] ?? 100, maxRetryTime: 1000, retries: 5 },
    },
    send: { acks: properties.acks ?? 1, timeout: properties['request.timeout.ms'] ?? 30_000 },
  };
}

/** What a consumer is made of and how it runs. */
export function consumerConfig(properties: KafkaProperties): {
  consumer: ConsumerConfig & { heartbeatInterval: number; sessionTimeout: number };
  /** Where a group that has committed nothing begins. */
  fromBeginning: boolean;
  /** How long to collect offsets before they are committed, in milliseconds. */
  commitDelayMs: number;
} {
  const maxBytes = properties['fetch.max.bytes'];
  const maxBytesPerPartition = properties['max.partition.fetch.bytes'];
  const maxWaitTimeInMs = properties['fetch.max.wait.ms'];
  const minBytes = properties['fetch.min.bytes'];
  const rackId = properties['client.rack'];
  return {
    consumer: {
      groupId: properties['group.id'] ?? '',
      sessionTimeout: properties['session.timeout.ms'] ?? 45_000,
      heartbeatInterval: properties['heartbeat.interval.ms'] ?? 3000,
      rebalanceTimeout: properties['max.poll.interval.ms'] ?? 300_000,
      metadataMaxAge: properties['metadata.max.age.ms'] ?? 300_000,
      allowAutoTopicCreation: false,
      readUncommitted: properties['isolation.level'] !== 'read_committed',
      // A fetch is held whole in memory, and small ones are faster; a larger record still comes, alone.
      maxBytes: maxBytes ?? 4 * 1024 ** 2,
      maxBytesPerPartition: maxBytesPerPartition ?? 4 * 1024 ** 2,
      maxWaitTimeInMs: maxWaitTimeInMs ?? 500,
      ...(minBytes !== undefined && { minBytes }),
      ...(rackId !== undefined && { rackId }),
    },
    fromBeginning: (properties['auto.offset.reset'] ?? 'earliest') === 'earliest',
    commitDelayMs:
      properties['enable.auto.commit'] === true ? (properties['auto.commit.interval.ms'] ?? 5000) : 0,
  };
}
