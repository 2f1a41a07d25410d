// What a program reads, and how far others are.
export { assertLed, openTopicClient } from './topic-client.ts';
export type {
  Bounds,
  ConnectedTopicClient,
  Fetched,
  FetchPosition,
  Leader,
  TopicClient,
  TopicState,
} from './topic-client.ts';
export { fetchRecords } from './fetcher.ts';
export type { FetchOptions, Jump, ReadPosition } from './fetcher.ts';
export { createGroupClient, isRebalance } from './group-client.ts';
export type { Generation, GroupClient, MemberId, OffsetToCommit } from './group-client.ts';
export { commitMetadata, groupPosition } from './group-position.ts';
export type { CommittedOffset, GroupPosition } from './group-position.ts';
export { createTopicReader } from './topic-reader.ts';
export type { TopicReader, TopicRecord } from './topic-reader.ts';
export { readNewest } from './read-newest.ts';
export { BrokerError } from './broker-error.ts';
export type { FetchedRecord, HeaderValues } from './record-batch.ts';
export { unlessAborted } from './unless-aborted.ts';
export { isRetriable } from './retriable.ts';
export { committedOffsets, createLagReader, groupPlaces } from './offsets.ts';
export type { Lag, PlaceInPartition } from './offsets.ts';

// What a program sends, and what it may.
export { createSender } from './sender.ts';
export type { RecordToSend, Sender, SenderOptions } from './sender.ts';
export { openProbe } from './probe.ts';
export type { Permission, Probe } from './probe.ts';
