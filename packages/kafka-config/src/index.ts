/// <reference types="node" preserve="true" />
// From a command line, a file and the environment to a kafkajs client.
export { connectionOptions, connectionSources } from './connection-options.ts';
export { loadProperties, loadSettings } from './load-properties.ts';
export type { GivenValue, PropertySources, Settings } from './load-properties.ts';
export type { PropertyLogger } from './passed-over.ts';
export type { KafkaProperties, PropertyName } from './known-properties.ts';
export { clientConfig, consumerConfig, producerConfig } from './client-config.ts';
export type { ClientLogger, GroupSettings, IsolationLevel, ReadSettings } from './client-config.ts';
export { openKafka } from './open-kafka.ts';
export { compressionCodecs } from './compression-codecs.ts';
export type { CompressionCodec } from './compression-codecs.ts';

// What a program asks of the cluster before it begins.
export { assertTopicName, connectAdmin, topicLimit, topicSettings, untilServed } from './cluster.ts';
export { ensureTopic } from './ensure-topic.ts';
export type { NewTopic } from './ensure-topic.ts';

export { isProgrammingError, reasonOf, rootCause, translate } from './translate.ts';
export { KafkaConfigError } from './errors.ts';
export type { KafkaConfigErrorCode } from './errors.ts';
