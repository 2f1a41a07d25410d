import { constants } from 'node:fs';
import { lstat, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StorageError } from './errors.ts';

/**
 * Makes a folder and those above it, durably. Not `mkdir` with `recursive`: it never returns where a file system denies new folders as
 * /proc does.
 */
export async function makeParents(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(folder) === folder) {
      throw error;
    }
    await makeParents(dirname(folder));
    // Once more and no further: with its parent there, what fails now fails for good.
    await makeFolder(folder);
  }
}

/** Makes a folder durably unless it is there, perhaps since a moment ago: another process may start beside this one. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
    await syncFolder(dirname(folder));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' || !(await stat(folder)).isDirectory()) {
      throw error;
    }
  }
}

/** Of others it is asked again whether they are there, and synced. */
const maxKnownFolders = 100_000;

/**
 * What makes the folders that are missing below `root`, one level at a time. The first time that this process meets a folder it syncs
 * the parent, even where the folder was there: a process that was killed in between may have made it.
 */
export function folderMaker(root: string): (folder: string) => Promise<void> {
  /** Folders whose place in their parent this process has synced; a new one each day for each customer, so not for ever. */
  const durable = new Set([root]);
  /** For each folder, what looks at this moment whether it is there. */
  const looking = new Map<string, Promise<void>>();

  async function make(folder: string): Promise<void> {
    if (folder === root) {
      return;
    }
    await make(dirname(folder));
    if (!durable.has(folder) || !(await isPlainFolder(folder))) {
      durable.delete(folder);
      await mkdir(folder).catch((error: unknown) => {
        if (codeOf(error) !== 'EEXIST') {
          throw error;
        }
      });
      await assertPlainFolder(folder);
      await syncFolder(dirname(folder));
      durable.add(folder);
      if (durable.size > maxKnownFolders) {
        durable.delete(durable.values().next().value!);
      }
    }
  }

  /** Images that come together mostly share a folder, and then they share the look at it. */
  return (folder) => {
    const making = looking.get(folder) ?? make(folder).finally(() => looking.delete(folder));
    looking.set(folder, making);
    return making;
  };
}

/**
 * What syncs folders. Those who ask while a sync of the same folder is under way may have come too late for that one, and share the
 * next.
 */
export function folderSyncer(): (folder: string) => Promise<void> {
  const running = new Map<string, Promise<void>>();
  const next = new Map<string, Promise<void>>();

  async function sync(folder: string): Promise<void> {
    const syncing = syncFolder(folder);
    running.set(folder, syncing);
    try {
      await syncing;
    } finally {
      running.delete(folder);
    }
  }
  async function syncAfter(earlier: Promise<void>, folder: string): Promise<void> {
    await earlier.catch(() => {});
    next.delete(folder);
    await sync(folder);
  }
  return (folder) => {
    const earlier = running.get(folder);
    if (earlier === undefined) {
      return sync(folder);
    }
    const shared = next.get(folder) ?? syncAfter(earlier, folder);
    next.set(folder, shared);
    return shared;
  };
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function isPlainFolder(folder: string): Promise<boolean> {
  try {
    return (await lstat(folder)).isDirectory();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}

/**
 * Whether the folders from below `root` down to `folder` are there.
 *
 * @throws StorageError `UNSAFE_PATH` where something else than a folder stands in the place of one
 */
export async function arePlainFolders(root: string, folder: string): Promise<boolean> {
  if (folder === root) {
    return true;
  }
  if (!(await arePlainFolders(root, dirname(folder)))) {
    return false;
  }
  try {
    if ((await lstat(folder)).isDirectory()) {
      return true;
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
  throw new StorageError('UNSAFE_PATH', `${folder} is not a plain folder; remove it`);
}

/** A link planted here would lead out of the output directory. @throws StorageError `UNSAFE_PATH` */
export async function assertPlainFolder(folder: string): Promise<void> {
  if (!(await isPlainFolder(folder))) {
    throw new StorageError('UNSAFE_PATH', `${folder} is not a plain folder; remove it`);
  }
}

export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
