import { openDirectory, readDirectory } from './file-sink.ts';
import type { Bucket } from './s3-bucket.ts';
import { isS3Url, parseS3Url } from './s3-url.ts';
import type { S3Settings } from './s3-url.ts';
import type { Opened, OutputSettings, SinkReader } from './sink.ts';

/**
 * Opens what keeps images.
 *
 * @param location a directory, or `s3://bucket/prefix`
 * @throws StorageError for what does not go away by itself
 */
export async function openOutput(location: string, settings: OutputSettings): Promise<Opened> {
  if (!isS3Url(location)) {
    return openDirectory(location);
  }
  // Its client takes longer to load than all else together.
  const { openS3 } = await import('./s3-sink.ts');
  return openS3(placeOf(location), settings);
}

/** Opens what keeps images for who only looks. Nothing is asked yet. */
export async function readOutput(location: string, settings: S3Settings): Promise<SinkReader> {
  if (!isS3Url(location)) {
    return readDirectory(location);
  }
  const { readS3 } = await import('./s3-sink.ts');
  return readS3(placeOf(location), settings);
}

function placeOf(location: string) {
  const place = parseS3Url(location);
  if (typeof place === 'string') {
    throw new TypeError(`${location}: ${place}`);
  }
  return place;
}

/** Opens a bucket for who only reads what is in it, whoever put it there. Nothing is asked yet. */
export async function readBucket(bucket: string, settings: S3Settings): Promise<Bucket> {
  const { openBucket } = await import('./s3-bucket.ts');
  return openBucket(bucket, settings);
}
