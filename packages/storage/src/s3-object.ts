import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import type { ByteSource } from '@image-stream/codec';
import { StorageError } from './errors.ts';
import { safeName } from './image-key.ts';
import type { Store } from './s3-client.ts';
import { statusOf } from './s3-errors.ts';
import type { About, Found } from './sink.ts';

/** What an object says of itself besides its bytes. */
export interface ObjectHeaders {
  readonly ContentType: string;
  readonly Metadata: Record<string, string>;
}

/**
 * The headers of an image. Ids are written as they are in keys, since headers take ASCII only, and a store some 2 kB of them in all.
 *
 * @param contentSha256 of the bytes that are kept
 */
export async function headersOf(about: About | undefined, contentSha256: string): Promise<ObjectHeaders> {
  if (about?.image === undefined) {
    const ContentType = about?.mediaType ?? 'application/octet-stream';
    return { ContentType, Metadata: { sha256: contentSha256 } };
  }
  const { id, customerId, createdAt } = about.image;
  const received = (await about.receivedSha256?.()) ?? contentSha256;
  return {
    ContentType: about.mediaType,
    Metadata: {
      'image-id': safeName(id),
      'customer-id': safeName(customerId),
      'created-at': createdAt.toISOString(),
      sha256: received,
      ...(received !== contentSha256 && { 'saved-sha256': contentSha256 }),
    },
  };
}

/** What is under a key of the bucket; undefined where nothing is. */
export async function findObject(store: Store, key: string): Promise<Found | undefined> {
  const { client, bucket: Bucket } = store;
  const head = await store.ask({ operation: 'GetObject', key }, (options) =>
    client.send(new HeadObjectCommand({ Bucket, Key: key }), options).catch((error: unknown) => {
      if (statusOf(error) === 404) {
        return undefined;
      }
      throw error;
    }),
  );
  if (head === undefined) {
    return undefined;
  }
  const { ContentLength: size = 0, ETag, Metadata = {} } = head;
  const sha256 = Metadata['saved-sha256'] ?? Metadata['sha256'];
  return {
    content: objectSource(store, key, size, ETag),
    // It is, since it can be seen.
    durable: async () => {},
    ...(sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256) && { sha256 }),
  };
}

/** What is asked for at once, however little is wanted: a request takes longer than its bytes. */
const readAheadBytes = 1024 ** 2;

/** The bytes of an object as it was when it was found. */
export function objectSource(store: Store, key: string, size: number, etag: string | undefined): ByteSource {
  const { client, bucket: Bucket } = store;
  let window: { start: number; bytes: Uint8Array } = { start: 0, bytes: new Uint8Array() };

  async function fetch(start: number, end: number): Promise<Uint8Array> {
    return await store.ask({ operation: 'GetObject', key, bytes: end - start }, async (options) => {
      const Range = `bytes=${start}-${end - 1}`;
      const command = new GetObjectCommand({ Bucket, Key: key, Range, ...(etag && { IfMatch: etag }) });
      try {
        const { Body } = await client.send(command, options);
        return (await Body?.transformToByteArray()) ?? new Uint8Array();
      } catch (error) {
        if ([404, 412, 416].includes(statusOf(error) ?? 0)) {
          throw new StorageError(
            'UNAVAILABLE',
            `'${key}' at ${store.location} was replaced while it was read`,
          );
        }
        throw error;
      }
    });
  }

  return {
    size,
    async read(start, end) {
      if (start === end) {
        return new Uint8Array();
      }
      const isThere = start >= window.start && end <= window.start + window.bytes.length;
      if (!isThere) {
        const bytes = await fetch(start, Math.min(size, Math.max(end, start + readAheadBytes)));
        if (bytes.length < end - start) {
          throw new StorageError('UNAVAILABLE', `'${key}' at ${store.location} ended early`);
        }
        window = { start, bytes };
      }
      return window.bytes.subarray(start - window.start, end - window.start);
    },
  };
}
