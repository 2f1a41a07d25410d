import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { sha256Of } from '@image-stream/image-io';
import { classOfStorageError, StorageError } from './errors.ts';
import { openStore } from './s3-client.ts';
import type { Store } from './s3-client.ts';
import { findObject, headersOf } from './s3-object.ts';
import { ignoresConditions, probeStore, proveConditions } from './s3-probe.ts';
import { createNotes, settleNotes } from './s3-unfinished.ts';
import { partBytes, putInParts, putWhole } from './s3-upload.ts';
import type { Outcome, Upload } from './s3-upload.ts';
import type { S3Place, S3Settings } from './s3-url.ts';
import type { Opened, OutputSettings, Sink, SinkReader } from './sink.ts';
import { openScratchWorkspace } from './workspace.ts';
import type { Workspace } from './workspace.ts';

/** How often those try who have nobody else to try again. */
const readerAttempts = 4;

/** What is larger is looked for before it is sent. */
const worthAskingBytes = 1024 ** 2;

/** Others that write the same key at the same moment are done soon. */
const conflictPausesMs = [50, 100, 200, 400, 800];

/** The images in a bucket, for who only looks. */
export async function readS3(place: S3Place, settings: S3Settings): Promise<SinkReader> {
  return readerOf(await openStore(place, settings, readerAttempts));
}

function readerOf(store: Store): SinkReader {
  const { client, bucket: Bucket, prefix, location } = store;
  return {
    location,
    find: (key) => findObject(store, prefix + key),
    async *list(wanted = 'customer=') {
      let ContinuationToken: string | undefined;
      do {
        const command = new ListObjectsV2Command({
          Bucket,
          Prefix: prefix + wanted,
          ...(ContinuationToken && { ContinuationToken }),
        });
        const page = await store.ask({ operation: 'ListBucket' }, (options) => client.send(command, options));
        for (const { Key = '' } of page.Contents ?? []) {
          const key = Key.slice(prefix.length);
          if (/^customer=[^/]+\/date=[^/]+\/[^/]+$/.test(key)) {
            yield { key };
          }
        }
        ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      } while (ContinuationToken !== undefined);
    },
    probe: () => probeStore(store),
    classify: classOfStorageError,
    close: async () => store.close(),
  };
}

/**
 * Opens a part of a bucket for images, one object each. Whether the store can keep them is found out now; a store that cannot be reached
 * is asked again before the first image.
 *
 * @throws StorageError for what does not go away by itself
 */
export async function openS3(place: S3Place, settings: OutputSettings): Promise<Opened> {
  const store = await openStore(place, settings, 1);
  try {
    const workspace = await openScratch(store, settings.scratchDirectory ?? tmpdir());
    try {
      const sink = createS3Sink(store, workspace);
      await sink.ready().catch((error: unknown) => {
        if (classOfStorageError(error) !== 'transient') {
          throw error;
        }
        settings.warn(`${(error as Error).message}; it is asked again before the first image`);
      });
      return { sink, workspace };
    } catch (error) {
      await workspace.close();
      throw error;
    }
  } catch (error) {
    store.close();
    throw error;
  }
}

/**
 * The space on the local disk of those who write to one place. What they leave in the store when they are killed is noted there, and
 * whoever opens it next removes it.
 */
async function openScratch(store: Store, parent: string): Promise<Workspace> {
  const place = createHash('sha256').update(store.location).digest('hex').slice(0, 16);
  try {
    return await openScratchWorkspace(parent, place, (abandoned) => settleNotes(store, abandoned));
  } catch (error) {
    if (error instanceof StorageError) {
      throw error;
    }
    const reason = (error as Error).message;
    throw new StorageError('NOT_WRITABLE', `cannot write to the scratch directory ${parent}: ${reason}`, {
      cause: error,
    });
  }
}

/** @returns a sink that can be asked whether the store does what is promised; each `put` asks unless it is known */
function createS3Sink(store: Store, workspace: Workspace): Sink & { ready(): Promise<void> } {
  const notes = createNotes(store, workspace);
  let asking: Promise<void> | undefined;
  /** False where it could not be tried without an image: then the first one shows. */
  let isProven = false;

  /** Once, for all who ask; again after an error. */
  function ready(): Promise<void> {
    asking ??= proveConditions(store, notes).then(
      (proven) => {
        isProven = proven;
      },
      (error: unknown) => {
        asking = undefined;
        throw error;
      },
    );
    return asking;
  }

  async function send(upload: Upload): Promise<Outcome> {
    return upload.content.size > partBytes
      ? putInParts(store, notes, upload)
      : putWhole(store, upload, await upload.content.read(0, upload.content.size));
  }

  async function sendUntilSettled(upload: Upload): Promise<'created' | 'taken'> {
    for (const pauseMs of conflictPausesMs) {
      const outcome = await send(upload);
      if (outcome !== 'conflict') {
        return outcome;
      }
      await sleep(pauseMs * (0.5 + Math.random()));
    }
    throw new StorageError('UNAVAILABLE', `others keep writing '${upload.key}' at ${store.location}`);
  }

  /** Puts the same once more, which only a store that ignores the condition takes. It replaces the image by itself. */
  async function prove(upload: Upload): Promise<void> {
    if ((await sendUntilSettled(upload)) !== 'taken') {
      throw ignoresConditions(store, 'PutObject');
    }
    isProven = true;
  }

  return {
    ...readerOf(store),
    ready,
    async put(key, content, mode, about) {
      await ready();
      const unlessTaken = mode === 'create';
      const full = store.prefix + key;
      if (unlessTaken && content.size > worthAskingBytes && (await findObject(store, full)) !== undefined) {
        return undefined;
      }
      const sha256 = about?.sha256 ?? (await sha256Of(content));
      const headers = await headersOf(about, sha256);
      const upload = { key: full, content, headers, sha256, unlessTaken };
      const outcome = await sendUntilSettled(upload);
      if (outcome === 'taken') {
        isProven = true;
        return undefined;
      }
      if (unlessTaken && !isProven) {
        await prove(upload);
      }
      // It is durable once the store has said that it has it.
      return { durable: async () => {} };
    },
    flush: async () => {},
  };
}
