// Where an image belongs.
export { extensionToSave, imageKey, imageStem, safeName } from './image-key.ts';
export type { KeyRule } from './image-key.ts';

// What keeps images.
export type { About, Accepted, Found, Kept, Opened, OutputSettings, Sink, SinkReader } from './sink.ts';
export { openOutput, readBucket, readOutput } from './output.ts';
export type { Bucket, StoredObject } from './s3-bucket.ts';
export { openDirectory, readDirectory } from './file-sink.ts';

// Many of them in one file.
export { inLayout, layouts, maxOpenBytes, readLayout } from './shards/layout.ts';
export type { Layout } from './shards/layout.ts';
export type { Origin } from './shards/sample.ts';
export type { ShardLimits } from './shards/shard-sink.ts';

// Which, and what a user can say about it.
export { isS3Url, locationOf, outputLocation, s3Options, s3Settings } from './s3-url.ts';
export type { S3Settings } from './s3-url.ts';

// Space for what is not finished.
export { probeScratch, probeShards } from './probe-directory.ts';
export { openScratchWorkspace, openWorkspace } from './workspace.ts';
export type { Workspace } from './workspace.ts';

// What can go wrong.
export { StorageError } from './errors.ts';
export type { StorageErrorCode } from './errors.ts';
export { classOfSystemError, systemErrorName, systemErrors } from './system-errors.ts';
export type { ErrorClass } from './system-errors.ts';
