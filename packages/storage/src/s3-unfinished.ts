import { randomUUID } from 'node:crypto';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
} from '@aws-sdk/client-s3';
import type { Store } from './s3-client.ts';
import { statusOf } from './s3-errors.ts';
import type { Workspace } from './workspace.ts';

/** Something in the store that must not stay there if this process ends. */
interface Note {
  /** An upload whose parts are coming, or an object that was only to try what the store does. */
  readonly kind: 'upload' | 'trial';
  /** As it is in the bucket. */
  readonly key: string;
  /** Of an upload, once the store has said it. */
  readonly uploadId?: string;
}

/** What is noted of one thing. */
interface Unfinished {
  /** Notes which upload it is. */
  begun(uploadId: string): Promise<void>;
  /** It is out of the store, or what it was to be. */
  finished(): Promise<void>;
  /** Takes it out of the store; where that fails, the note stays, for whoever removes the workspace. */
  remove(): Promise<void>;
}

/** Notes, on this disk, of what is unfinished in a store. */
export interface Notes {
  /** To be called before there is anything in the store: a process may be killed between any two steps. */
  begin(kind: Note['kind'], key: string): Promise<Unfinished>;
}

const extension = '.unfinished';

/** Notes in the folder of a workspace, which others know for that of a process that is gone. */
export function createNotes(store: Store, workspace: Pick<Workspace, 'newFile' | 'restore'>): Notes {
  async function write(file: string, note: Note): Promise<void> {
    const whole = `${file}.${randomUUID()}`;
    await writeFile(whole, JSON.stringify(note));
    await rename(whole, file);
  }
  /** What could not be taken out of the store when it was time, and is tried again when something else begins. */
  const left = new Map<string, Note>();

  async function remove(file: string, note: Note): Promise<void> {
    try {
      await removeFromStore(store, note);
    } catch (error) {
      // Attempts at the same image while the store is away are one, as long as no id is known.
      const isNoted = [...left].some(
        ([other, { key, uploadId }]) => other !== file && key === note.key && uploadId === note.uploadId,
      );
      if (!isNoted) {
        left.set(file, note);
        throw error;
      }
    }
    left.delete(file);
    await rm(file, { force: true });
  }

  async function removeLeft(): Promise<void> {
    for (const [file, note] of left) {
      await remove(file, note);
    }
  }

  return {
    async begin(kind, key) {
      await removeLeft().catch(() => {});
      let note: Note = { kind, key };
      const file = `${workspace.newFile()}${extension}`;
      await write(file, note).catch(async () => {
        // Somebody may have removed the folder.
        await workspace.restore();
        await write(file, note);
      });
      const finished = (): Promise<void> => rm(file, { force: true });
      return {
        async begun(uploadId) {
          note = { ...note, uploadId };
          await write(file, note);
        },
        finished,
        remove: () => remove(file, note),
      };
    },
  };
}

/**
 * Takes out of the store what the owner of a workspace has left there.
 *
 * @param folder of the workspace
 * @returns whether nothing is left
 */
export async function settleNotes(store: Store, folder: string): Promise<boolean> {
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith(extension));
    for (const name of names) {
      await removeFromStore(store, JSON.parse(await readFile(join(folder, name), 'utf8')) as Note);
      await rm(join(folder, name), { force: true });
    }
    return true;
  } catch {
    // Whatever it is, whoever opens the workspace next tries again.
    return false;
  }
}

async function removeFromStore(store: Store, { kind, key, uploadId }: Note): Promise<void> {
  // Where the process ended before it was told, it is one of those under the key of that image, which only this program's uploads have.
  // One of another process that is at work is aborted as well, and begun again there.
  for (const id of uploadId === undefined ? await uploadsOf(store, key) : [uploadId]) {
    await abortUpload(store, key, id);
  }
  if (kind === 'trial') {
    await deleteObject(store, key);
  }
}

/** The ids of the uploads of one key. */
async function uploadsOf(store: Store, key: string): Promise<string[]> {
  const { client, bucket: Bucket } = store;
  const { Uploads = [] } = await store.ask({ operation: 'ListMultipartUploads' }, (options) =>
    client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: key }), options),
  );
  return Uploads.flatMap(({ Key, UploadId }) => (Key === key && UploadId !== undefined ? [UploadId] : []));
}

/** Removes the parts of an upload, if it is there. */
export async function abortUpload(store: Store, key: string, uploadId: string): Promise<void> {
  const { client, bucket: Bucket } = store;
  const command = new AbortMultipartUploadCommand({ Bucket, Key: key, UploadId: uploadId });
  await unlessGone(() =>
    store.ask({ operation: 'AbortMultipartUpload', key }, (options) => client.send(command, options)),
  );
}

/**
 * Removes an object, if it is there.
 *
 * @param version of a bucket that keeps them; else the newest one is hidden by a marker
 * @returns the version of that marker, where there is one
 */
export async function deleteObject(store: Store, key: string, version?: string): Promise<string | undefined> {
  const { client, bucket: Bucket } = store;
  const command = new DeleteObjectCommand({ Bucket, Key: key, ...(version && { VersionId: version }) });
  const answer = await unlessGone(() =>
    store.ask({ operation: 'DeleteObject', key }, (options) => client.send(command, options)),
  );
  return answer?.DeleteMarker === true ? answer.VersionId : undefined;
}

async function unlessGone<T>(run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (statusOf((error as Error).cause) === 404) {
      return undefined;
    }
    throw error;
  }
}
