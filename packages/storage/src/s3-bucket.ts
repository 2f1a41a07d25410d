import { HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { ByteSource } from '@image-stream/codec';
import { openStore } from './s3-client.ts';
import { statusOf } from './s3-errors.ts';
import { objectSource } from './s3-object.ts';
import type { S3Settings } from './s3-url.ts';

/** How often the client tries, since nobody else does. */
const attempts = 4;

/** An object that can be read. */
export interface StoredObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** When it was written; stores know it to the second. */
  readonly modified: Date;
  /** Its bytes as they were when it was found; once they are others, reading fails. */
  readonly content: ByteSource;
}

/** The objects of a bucket, for who only reads. Whatever it is asked throws StorageError. */
export interface Bucket {
  readonly name: string;
  /** An object; undefined where there is none of that key. */
  find(key: string): Promise<StoredObject | undefined>;
  /**
   * The objects whose keys begin with a prefix, in the order of their keys, page by page.
   *
   * @param depth `all`, or `one`: only those without a slash after the prefix
   */
  list(prefix: string, depth: 'one' | 'all'): AsyncIterable<StoredObject>;
  /** How many folders there are right below a prefix: what keys have up to the next slash. */
  countFolders(prefix: string): Promise<number>;
}

/** Opens a bucket. Nothing is asked yet. What is left open are idle connections, which keep no process from ending. */
export async function openBucket(bucket: string, settings: S3Settings): Promise<Bucket> {
  const store = await openStore({ bucket, prefix: '' }, settings, attempts);
  const { client } = store;

  const stored = (
    key: string,
    { size = 0, modified, etag }: { size?: number; modified?: Date; etag?: string },
  ): StoredObject => ({
    key,
    size,
    modified: modified ?? new Date(Number.NaN),
    content: objectSource(store, key, size, etag),
  });

  async function* pages(prefix: string, delimiter?: string) {
    let ContinuationToken: string | undefined;
    do {
      const command = new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        ...(delimiter !== undefined && { Delimiter: delimiter }),
        ...(ContinuationToken !== undefined && { ContinuationToken }),
      });
      const page = await store.ask({ operation: 'ListBucket' }, (options) => client.send(command, options));
      yield page;
      ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (ContinuationToken !== undefined);
  }

  return {
    name: bucket,
    async find(key) {
      const head = await store.ask({ operation: 'GetObject', key }, (options) =>
        client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), options).catch((error: unknown) => {
          if (statusOf(error) === 404) {
            return undefined;
          }
          throw error;
        }),
      );
      return head && stored(key, sizeOf(head.ContentLength, head.LastModified, head.ETag));
    },
    async *list(prefix, depth) {
      for await (const { Contents = [] } of pages(prefix, depth === 'one' ? '/' : undefined)) {
        for (const { Key = '', Size, LastModified, ETag } of Contents) {
          yield stored(Key, sizeOf(Size, LastModified, ETag));
        }
      }
    },
    async countFolders(prefix) {
      let count = 0;
      for await (const { CommonPrefixes = [] } of pages(prefix, '/')) {
        count += CommonPrefixes.length;
      }
      return count;
    },
  };
}

function sizeOf(size?: number, modified?: Date, etag?: string) {
  return {
    ...(size !== undefined && { size }),
    ...(modified !== undefined && { modified }),
    ...(etag !== undefined && { etag }),
  };
}
