import { createHash } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { CompletedPart } from '@aws-sdk/client-s3';
import type { ByteSource } from '@image-stream/codec';
import { StorageError } from './errors.ts';
import type { Store } from './s3-client.ts';
import { statusOf } from './s3-errors.ts';
import type { ObjectHeaders } from './s3-object.ts';
import type { Notes } from './s3-unfinished.ts';

/** What goes in one request; more goes in parts of that size, or larger ones where there would be too many. */
export const partBytes = 8 * 1024 ** 2;
const maxParts = 10_000;

/** Parts of one image on their way at once. Their bytes are a part of the image's, which are reserved. */
const partsAtOnce = 4;

/** An object to be put. */
export interface Upload {
  /** As it is in the bucket. */
  readonly key: string;
  readonly content: ByteSource;
  readonly headers: ObjectHeaders;
  /** Of the content, lower-case hex. */
  readonly sha256: string;
  /** Whether whatever is there stays. */
  readonly unlessTaken: boolean;
}

/** What became of it; `conflict`: others were at it at the same time, and it is to be tried again. */
export type Outcome = 'created' | 'taken' | 'conflict';

/** Puts an object in one request. @param bytes all of the content */
export async function putWhole(
  store: Store,
  { key, headers, sha256, unlessTaken }: Omit<Upload, 'content'>,
  bytes: Uint8Array,
): Promise<Outcome> {
  const { client, bucket: Bucket } = store;
  const question = { operation: 'PutObject', key, bytes: bytes.length } as const;
  const status = await store.ask(question, ({ abortSignal }) =>
    store.putDirectly({ key, bytes, headers: rawHeaders(store, headers, sha256, unlessTaken), abortSignal }),
  );
  if (status === 200 || status === 412) {
    return status === 200 ? 'created' : 'taken';
  }
  // The first time, and where anything is wrong, which the client knows better to tell.
  const command = new PutObjectCommand({
    ...headers,
    Bucket,
    Key: key,
    Body: bytes,
    ...(unlessTaken && { IfNoneMatch: '*' }),
    ...checksumOf(store, sha256),
  });
  return outcomeOf(store.ask(question, (options) => client.send(command, options)));
}

function rawHeaders(
  { hasChecksums }: Pick<Store, 'hasChecksums'>,
  { ContentType, Metadata }: ObjectHeaders,
  sha256: string,
  unlessTaken: boolean,
): Record<string, string> {
  const { ChecksumSHA256 } = checksumOf({ hasChecksums }, sha256);
  return {
    'content-type': ContentType,
    'x-amz-content-sha256': sha256,
    ...(ChecksumSHA256 !== undefined && { 'x-amz-checksum-sha256': ChecksumSHA256 }),
    ...(unlessTaken && { 'if-none-match': '*' }),
    ...Object.fromEntries(Object.entries(Metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
  };
}

/**
 * Puts an object in parts, a few of which are in memory at once. Whatever goes wrong, the parts are removed from the store, or noted.
 */
export async function putInParts(store: Store, notes: Notes, upload: Upload): Promise<Outcome> {
  const { client, bucket: Bucket } = store;
  const { key, content, unlessTaken } = upload;
  const unfinished = await notes.begin('upload', key);
  try {
    const UploadId = await beginUpload(store, upload);
    if (UploadId === undefined) {
      throw new StorageError('REFUSED', `${store.location} gives no id for an upload in parts`);
    }
    await unfinished.begun(UploadId);
    const Parts = await sendParts(store, upload, UploadId);
    const complete = new CompleteMultipartUploadCommand({
      Bucket,
      Key: key,
      UploadId,
      MultipartUpload: { Parts },
      ...(unlessTaken && { IfNoneMatch: '*' }),
    });
    const outcome = await outcomeOf(
      store.ask({ operation: 'PutObject', key, bytes: content.size / 8 }, (options) =>
        client.send(complete, options),
      ),
    );
    if (outcome === 'created') {
      await unfinished.finished();
    } else {
      await unfinished.remove();
    }
    return outcome;
  } catch (error) {
    if (error instanceof NotBegunError) {
      await unfinished.finished();
      throw error.cause;
    }
    // Where that fails as well, the note is still there.
    await unfinished.remove().catch(() => {});
    throw error;
  }
}

/** An upload that the store has refused, so that there is nothing to take back. */
class NotBegunError extends Error {
  override readonly name = 'NotBegunError';
}

/** @returns its id */
async function beginUpload(store: Store, { key, headers }: Upload): Promise<string | undefined> {
  const { client, bucket: Bucket } = store;
  const ChecksumAlgorithm = store.hasChecksums ? 'SHA256' : undefined;
  const command = new CreateMultipartUploadCommand({ ...headers, Bucket, Key: key, ChecksumAlgorithm });
  try {
    const question = { operation: 'PutObject', key, once: true } as const;
    return (await store.ask(question, (options) => client.send(command, options))).UploadId;
  } catch (error) {
    const status = statusOf((error as Error).cause) ?? 500;
    throw status < 500 || status === 503 ? new NotBegunError('refused', { cause: error }) : error;
  }
}

/** Sends the parts, and looks whether they are together what they were said to be: a file may have changed since. */
async function sendParts(
  store: Store,
  { key, content, sha256 }: Upload,
  UploadId: string,
): Promise<CompletedPart[]> {
  const { client, bucket: Bucket } = store;
  const size = Math.max(partBytes, Math.ceil(content.size / maxParts));
  const count = Math.ceil(content.size / size);
  const parts: CompletedPart[] = [];
  const whole = createHash('sha256');
  /** Read one after the other, for the hash. */
  let reading: Promise<unknown> = Promise.resolve();
  let next = 0;
  const failing = new AbortController();

  async function read(index: number): Promise<Uint8Array> {
    const start = index * size;
    const bytes = await content.read(start, Math.min(start + size, content.size));
    whole.update(bytes);
    return bytes;
  }

  async function sendSome(): Promise<void> {
    while (next < count && !failing.signal.aborted) {
      const index = next;
      next += 1;
      const turn = reading.then(() => read(index));
      reading = turn;
      const bytes = await turn;
      const digest = createHash('sha256').update(bytes).digest('hex');
      const PartNumber = index + 1;
      const command = new UploadPartCommand({
        Bucket,
        Key: key,
        UploadId,
        PartNumber,
        Body: bytes,
        ...checksumOf(store, digest),
      });
      const { ETag } = await store.ask({ operation: 'PutObject', key, bytes: bytes.length }, (options) =>
        client.send(command, options),
      );
      parts[index] = { PartNumber, ETag, ...checksumOf(store, digest) };
    }
  }

  const senders = Array.from({ length: Math.min(partsAtOnce, count) }, () =>
    sendSome().catch((error: unknown) => {
      failing.abort();
      throw error;
    }),
  );
  // A part that arrives after its upload was aborted would stay.
  const ends = await Promise.allSettled(senders);
  for (const end of ends) {
    if (end.status === 'rejected') {
      throw end.reason;
    }
  }
  if (whole.digest('hex') !== sha256) {
    throw new StorageError('GONE', `what was to be put under '${key}' has changed while it was read`);
  }
  return parts;
}

function checksumOf(
  { hasChecksums }: Pick<Store, 'hasChecksums'>,
  sha256: string,
): { ChecksumSHA256?: string } {
  return hasChecksums ? { ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64') } : {};
}

async function outcomeOf(answer: Promise<unknown>): Promise<Outcome> {
  try {
    await answer;
    return 'created';
  } catch (error) {
    const status = statusOf((error as Error).cause);
    if (status === 412) {
      return 'taken';
    }
    if (status === 409) {
      return 'conflict';
    }
    throw error;
  }
}
