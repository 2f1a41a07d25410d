export { createCertificates } from './certificates.ts';
export type { Certificates } from './certificates.ts';
export type { KafkaBroker } from './broker.ts';
export type { KafkaCluster } from './cluster.ts';
export { LocalKafkaError } from './local-kafka-error.ts';
export type { LocalKafkaErrorCode } from './local-kafka-error.ts';
export type { KafkaOptions, SecurityProtocol } from './options.ts';
export { withLock } from './lock.ts';
export { startKafka } from './start-kafka.ts';
