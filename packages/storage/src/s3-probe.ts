import { createHash, randomUUID } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetBucketLifecycleConfigurationCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { counted, ok, problem, warning } from '@image-stream/program';
import type { Finding } from '@image-stream/program';
import { StorageError } from './errors.ts';
import type { Store } from './s3-client.ts';
import { statusOf } from './s3-errors.ts';
import { findObject } from './s3-object.ts';
import { abortUpload, deleteObject } from './s3-unfinished.ts';
import type { Notes } from './s3-unfinished.ts';

/** What the trials of this process are called; a policy may allow to delete these, and no images. */
const trialName = '.image-stream-trial-';
const trialBytes = Buffer.from(
  'image-stream tries whether this store keeps what is there; this object may be deleted\n',
);

/** That a store replaces what it was told to leave alone, or does not know the words. */
export function ignoresConditions({ location }: Store, operation: string): StorageError {
  return new StorageError(
    'NO_CONDITIONAL_WRITES',
    `${location} ignores If-None-Match: ${operation} replaced an object that it had to leave alone, and so could images replace one ` +
      'another; use a store, or a release of it, with conditional writes: docs/object-storage.md names some',
  );
}

/**
 * Looks whether images can be listed, and whether the store leaves alone what is there when it is told to, in one request and in parts.
 * What is put for that is removed again.
 *
 * @returns false where nothing may be removed, and so nothing was put: the first image has to show it
 * @throws StorageError `NO_CONDITIONAL_WRITES`, and whatever else is in the way
 */
export async function proveConditions(store: Store, notes?: Notes): Promise<boolean> {
  const forgotten = await forgottenTrials(store);
  const key = `${store.prefix}${trialName}${randomUUID()}`;
  if (!(await mayDelete(store, key))) {
    return false;
  }
  for (const old of forgotten) {
    await deleteObject(store, old);
  }
  const note = await notes?.begin('trial', key);
  const versions: (string | undefined)[] = [];
  try {
    versions.push(await tryPut(store, key, 'created'));
    if ((await findObject(store, key)) === undefined) {
      throw new StorageError('REFUSED', `${store.location} does not show an object that was just put there`);
    }
    versions.push(await tryPut(store, key, 'taken'));
    await tryParts(store, key);
  } catch (error) {
    // As whoever opens the workspace next does, if this fails too.
    await (note?.remove() ?? deleteObject(store, key)).catch(() => {});
    throw error;
  }
  await removeTrial(store, key, versions);
  await note?.finished();
  return true;
}

/** With its versions, so that nothing is left in a bucket that keeps them, where that is allowed. */
async function removeTrial(
  store: Store,
  key: string,
  versions: readonly (string | undefined)[],
): Promise<void> {
  const kept = versions.filter((version) => version !== undefined);
  try {
    for (const version of kept) {
      await deleteObject(store, key, version);
    }
  } catch {
    kept.length = 0;
  }
  if (kept.length === 0) {
    await deleteObject(store, key);
  }
}

/** Nobody is still trying after that time. */
const forgottenMs = 3_600_000;

/**
 * Lists trials, of which there are none but those under way, and what a machine has left that is gone. An error here says best what is
 * wrong: answers without a body, as to questions about one object, have no reason.
 */
async function forgottenTrials(store: Store): Promise<string[]> {
  const { client, bucket: Bucket, prefix } = store;
  const command = new ListObjectsV2Command({ Bucket, Prefix: `${prefix}${trialName}` });
  const { Contents = [] } = await store.ask({ operation: 'ListBucket' }, (options) =>
    client.send(command, options),
  );
  return Contents.flatMap(({ Key, LastModified }) =>
    Key !== undefined && LastModified !== undefined && Date.now() - LastModified.getTime() > forgottenMs
      ? [Key]
      : [],
  );
}

/** Whether this user may delete a trial; there is none yet, which is no error. */
async function mayDelete(store: Store, key: string): Promise<boolean> {
  try {
    const marker = await deleteObject(store, key);
    if (marker !== undefined) {
      await deleteObject(store, key, marker);
    }
    return true;
  } catch (error) {
    if (error instanceof StorageError && error.code === 'ACCESS_DENIED') {
      return false;
    }
    throw error;
  }
}

/** @returns the version, in a bucket that keeps them */
async function tryPut(store: Store, key: string, expected: 'created' | 'taken'): Promise<string | undefined> {
  const { client, bucket: Bucket } = store;
  const command = new PutObjectCommand({
    Bucket,
    Key: key,
    Body: trialBytes,
    ContentType: 'text/plain',
    IfNoneMatch: '*',
    ...(store.hasChecksums && { ChecksumSHA256: createHash('sha256').update(trialBytes).digest('base64') }),
  });
  try {
    const { VersionId } = await store.ask({ operation: 'PutObject', key }, (options) =>
      client.send(command, options),
    );
    if (expected === 'taken') {
      throw ignoresConditions(store, 'PutObject');
    }
    return VersionId;
  } catch (error) {
    // Of the first one, a lost answer may have been repeated: it is there.
    if (statusOf((error as Error).cause) === 412) {
      return undefined;
    }
    throw refusesConditions(store, error);
  }
}

/** The last request of an upload in parts has a condition of its own. */
async function tryParts(store: Store, key: string): Promise<void> {
  const { client, bucket: Bucket } = store;
  const checksum = store.hasChecksums && {
    ChecksumSHA256: createHash('sha256').update(trialBytes).digest('base64'),
  };
  const create = new CreateMultipartUploadCommand({
    Bucket,
    Key: key,
    ...(store.hasChecksums && { ChecksumAlgorithm: 'SHA256' }),
  });
  const { UploadId } = await store.ask({ operation: 'PutObject', key, once: true }, (options) =>
    client.send(create, options),
  );
  try {
    const upload = new UploadPartCommand({
      ...{ Bucket, Key: key, UploadId, PartNumber: 1, Body: trialBytes },
      ...checksum,
    });
    const { ETag } = await store.ask({ operation: 'PutObject', key }, (options) =>
      client.send(upload, options),
    );
    const complete = new CompleteMultipartUploadCommand({
      ...{ Bucket, Key: key, UploadId, IfNoneMatch: '*' },
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag, ...checksum }] },
    });
    await store.ask({ operation: 'PutObject', key }, (options) => client.send(complete, options));
  } catch (error) {
    await abortUpload(store, key, UploadId!);
    if (statusOf((error as Error).cause) === 412) {
      return;
    }
    throw refusesConditions(store, error);
  }
  throw ignoresConditions(store, 'CompleteMultipartUpload');
}

/** What a store says that does not know the condition: mostly that something is not implemented. */
function refusesConditions({ location }: Store, error: unknown): unknown {
  return error instanceof StorageError && error.code === 'REFUSED'
    ? new StorageError(
        'NO_CONDITIONAL_WRITES',
        `${location} refuses a conditional write (If-None-Match: *), without which images could replace one another: ${error.message}`,
        { cause: error },
      )
    : error;
}

/** What `doctor` says of a store, without leaving anything there. */
export async function probeStore(store: Store): Promise<Finding[]> {
  try {
    const isProven = await proveConditions(store);
    return [
      ok('output', `${store.location} can be listed, read and written to`),
      isProven
        ? ok('conditional writes', 'work, in one request and in parts')
        : warning(
            'conditional writes',
            'cannot be tried, since this user may not delete what is put for that',
            `allow DeleteObject of ${store.prefix}${trialName}*; without it, they are tried with the first image`,
          ),
      await checkSpeed(store),
      await checkUploads(store),
      await checkLifecycle(store),
    ];
  } catch (error) {
    if (!(error instanceof StorageError)) {
      throw error;
    }
    return [problem(error.code === 'NO_CONDITIONAL_WRITES' ? 'conditional writes' : 'output', error.message)];
  }
}

const timedRequests = 5;

/** Where a request takes longer than that, the way to the store, and not this program, decides how fast images are saved. */
const slowMs = 200;

async function checkSpeed(store: Store): Promise<Finding> {
  const started = performance.now();
  for (let count = 0; count < timedRequests; count++) {
    await findObject(store, `${store.prefix}${trialName}${count}`);
  }
  const ms = (performance.now() - started) / timedRequests;
  const seen = `${ms.toFixed(1)} ms for a request`;
  return ms > slowMs
    ? warning('store speed', seen, 'raise --concurrency, or run the consumer closer to the store')
    : ok('store speed', seen);
}

/** Parts of images that were never completed: nobody sees them, and they cost as much as any object. */
async function checkUploads(store: Store): Promise<Finding> {
  const { client, bucket: Bucket, prefix: Prefix } = store;
  const check = 'unfinished uploads';
  try {
    const { Uploads = [], IsTruncated } = await store.ask(
      { operation: 'ListBucketMultipartUploads' },
      (options) => client.send(new ListMultipartUploadsCommand({ Bucket, Prefix }), options),
    );
    if (Uploads.length === 0) {
      return ok(check, 'none');
    }
    const oldest = Math.min(...Uploads.map(({ Initiated }) => Initiated?.getTime() ?? Date.now()));
    return warning(
      check,
      `${IsTruncated === true ? 'more than ' : ''}${counted(Uploads.length, 'upload')} in parts, the oldest since ${new Date(oldest).toISOString()}`,
      'some may be under way; those of a consumer that was killed are aborted when the next one starts with its --scratch-directory',
    );
  } catch (error) {
    return cannotSee(check, 'ListBucketMultipartUploads', error);
  }
}

/** Whether the store itself removes such parts after some days, also those of machines that are gone. */
async function checkLifecycle(store: Store): Promise<Finding> {
  const { client, bucket: Bucket, prefix } = store;
  const check = 'lifecycle';
  const advice =
    'add a lifecycle rule to the bucket with AbortIncompleteMultipartUpload after some days: docs/object-storage.md has one';
  try {
    const { Rules = [] } = await store.ask({ operation: 'GetLifecycleConfiguration' }, (options) =>
      client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }), options),
    );
    const days = Rules.flatMap(({ Status, Filter, Prefix, AbortIncompleteMultipartUpload: abort }) => {
      const of = Filter?.Prefix ?? Filter?.And?.Prefix ?? Prefix ?? '';
      const isOfAll = Filter?.Tag === undefined && Filter?.And?.Tags === undefined;
      const covers = Status === 'Enabled' && isOfAll && prefix.startsWith(of);
      return covers && abort?.DaysAfterInitiation !== undefined ? [abort.DaysAfterInitiation] : [];
    });
    return days.length > 0
      ? ok(check, `unfinished uploads are removed after ${counted(Math.min(...days), 'day')}`)
      : warning(check, 'no rule removes unfinished uploads', advice);
  } catch (error) {
    const isNone = ((error as Error).cause as Error | undefined)?.name === 'NoSuchLifecycleConfiguration';
    return isNone
      ? warning(check, 'no rule removes unfinished uploads', advice)
      : cannotSee(check, 'GetLifecycleConfiguration', error);
  }
}

function cannotSee(check: string, permission: string, error: unknown): Finding {
  if (!(error instanceof StorageError)) {
    throw error;
  }
  const advice =
    error.code === 'ACCESS_DENIED'
      ? `allow ${permission} to have it looked at`
      : "see the store's own documentation whether it removes unfinished uploads";
  return warning(check, `cannot be seen: ${error.message}`, advice);
}
