/// <reference types="node" preserve="true" />
// From a command line, a file and the environment to a kafkajs client.
export { connectionOptions, connectionSources } from './connection-options.ts';
export { loadProperties, loadSettings } from './load-properties.ts';
export type { GivenValue, PropertySources, Settings } from './load-properties.ts';
export type { PropertyLogger } from './passed-over.ts';
export type { KafkaProperties, PropertyName } from './known-properties.ts';
export { clientConfig, consumerConfig, producerConfig } from './client-config.ts';
export type { ClientLogger } from './client-config.ts';
export { openKafka } from './open-kafka.ts';
export { compressionCodecs } from './compression-codecs.ts';
export type { CompressionCodec } from './compression-codecs.ts';

// What a program asks of the cluster before it begins.
export { assertTopicName, connectAdmin, topicLimit, topicSettings, untilServed } from './cluster.ts';
export { ensureTopic } from './ensure-topic.ts';
export type { NewTopic } from './ensure-topic.ts';
export { openProbe } from './probe.ts';
export type { Permission, Probe } from './probe.ts';

// What a program reads, and how far others are.
export { assertLed, openTopicClient } from './read/topic-client.ts';
export type {
  Bounds,
  ConnectedTopicClient,
  Fetched,
  FetchPosition,
  IsolationLevel,
  Leader,
  ReadSettings,
  TopicClient,
  TopicState,
} from './read/topic-client.ts';
export { fetchRecords } from './read/fetcher.ts';
export type { FetchOptions, Jump, ReadPosition } from './read/fetcher.ts';
export { createGroupClient, isRebalance } from './read/group-client.ts';
export type {
  Generation,
  GroupClient,
  GroupSettings,
  MemberId,
  OffsetToCommit,
} from './read/group-client.ts';
export { commitMetadata, groupPosition } from './read/group-position.ts';
export type { CommittedOffset, GroupPosition } from './read/group-position.ts';
export { createTopicReader } from './read/topic-reader.ts';
export type { TopicReader, TopicRecord } from './read/topic-reader.ts';
export { readNewest } from './read/read-newest.ts';
export { BrokerError } from './read/broker-error.ts';
export type { FetchedRecord, HeaderValues } from './read/record-batch.ts';
export { unlessAborted } from './unless-aborted.ts';
export { isRetriable } from './retriable.ts';
export { committedOffsets, createLagReader, groupPlaces } from './offsets.ts';
export type { Lag, PlaceInPartition } from './offsets.ts';

// What a program sends.
export { createSender } from './sender.ts';
export type { RecordToSend, Sender, SenderOptions } from './sender.ts';

export { isProgrammingError, reasonOf, rootCause, translate } from './translate.ts';
export { KafkaConfigError } from './errors.ts';
export type { KafkaConfigErrorCode } from './errors.ts';
