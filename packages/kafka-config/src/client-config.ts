import type { KafkaConfig, logLevel, ProducerConfig, ProducerRecord } from 'kafkajs';
import { defaults } from './known-properties.ts';
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
    requestTimeout: properties['request.timeout.ms'] ?? defaults['request.timeout.ms'],
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
    send: {
      acks: properties.acks ?? 1,
      timeout: properties['request.timeout.ms'] ?? defaults['request.timeout.ms'],
    },
  };
}

/** Whether records of transactions that are open or aborted are read; Kafka's `isolation.level`. */
export type IsolationLevel = 'read_uncommitted' | 'read_committed';

/** How a topic is read. */
export interface ReadSettings {
  /** Default: `read_committed`. */
  readonly isolationLevel?: IsolationLevel | undefined;
  /** Bytes of a fetch: soft, since a larger record comes alone. Kafka's `fetch.max.bytes`. Default: 4 MiB. */
  readonly maxBytes?: number | undefined;
  /** Kafka's `max.partition.fetch.bytes`. Default: 4 MiB. */
  readonly maxBytesPerPartition?: number | undefined;
  /** Kafka's `fetch.min.bytes`. Default: 1. */
  readonly minBytes?: number | undefined;
  /** How long a broker waits for records to come, in milliseconds; Kafka's `fetch.max.wait.ms`. Default: 500. */
  readonly maxWaitMs?: number | undefined;
  /** Where this client is; Kafka's `client.rack`. Lets it read from a follower that is nearer than the leader. Default: nowhere. */
  readonly rack?: string | undefined;
}

/** What makes a member of a group. */
export interface GroupSettings {
  readonly groupId: string;
  /** Kafka's `session.timeout.ms`: for how long a member that does not beat counts as alive. */
  readonly sessionTimeoutMs: number;
  /** Kafka's `max.poll.interval.ms`: how long the members have to join again. */
  readonly rebalanceTimeoutMs: number;
}

/** What a reader of a topic is made of, and a member of a group. */
export function consumerConfig(properties: KafkaProperties): {
  read: ReadSettings;
  group: GroupSettings;
  /** How often a member tells its group that it is alive, in milliseconds. */
  heartbeatIntervalMs: number;
  /** Where a group that has committed nothing begins. */
  fromBeginning: boolean;
  /** How long to collect offsets before they are committed, in milliseconds. */
  commitDelayMs: number;
} {
  return {
    read: {
      isolationLevel: properties['isolation.level'],
      maxBytes: properties['fetch.max.bytes'],
      maxBytesPerPartition: properties['max.partition.fetch.bytes'],
      minBytes: properties['fetch.min.bytes'],
      maxWaitMs: properties['fetch.max.wait.ms'],
      rack: properties['client.rack'],
    },
    group: {
      groupId: properties['group.id'] ?? '',
      sessionTimeoutMs: properties['session.timeout.ms'] ?? defaults['session.timeout.ms'],
      rebalanceTimeoutMs: properties['max.poll.interval.ms'] ?? 300_000,
    },
    heartbeatIntervalMs: properties['heartbeat.interval.ms'] ?? defaults['heartbeat.interval.ms'],
    fromBeginning: (properties['auto.offset.reset'] ?? 'earliest') === 'earliest',
    commitDelayMs:
      properties['enable.auto.commit'] === true ? (properties['auto.commit.interval.ms'] ?? 5000) : 0,
  };
}
