import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { ByteSource } from '@image-stream/codec';
import { ImageIoError } from './errors.ts';
import { fileSource } from './file-source.ts';

/** How to tell whether an existing file holds the image that is to be saved. */
export type SameContent = (existing: ByteSource) => boolean | Promise<boolean>;

/** What saving did: made the file, found it there, or put it in place of another. */
export type Saved = 'written' | 'exists' | 'replaced';

/** A directory in which files appear whole or not at all. */
export interface ImageStore {
  /**
   * Saves bytes durably: when it resolves, file and folders are on disk.
   *
   * @param path below the directory, with forward slashes and made by `imagePath`
   * @param isSame asked when the name is taken
   * @throws ImageIoError `CONFLICT` when the name is taken by other content and `overwrite` is
   * not set, `UNSAFE_PATH` when a part of the path is not a plain folder; file system errors such
   * as `ENOSPC` pass through
   */
  save(path: string, bytes: Uint8Array, isSame: SameContent, overwrite?: boolean): Promise<Saved>;
  /** As `save`, of a file that `temporaryFile` named; it is gone afterwards, unless that failed. */
  saveFile(path: string, file: string, isSame: SameContent, overwrite?: boolean): Promise<Saved>;
  /** The path of a file that does not exist yet, for what is put together before it is saved. */
  temporaryFile(): string;
  /** What is at a path; undefined where nothing is. @throws ImageIoError `UNSAFE_PATH` */
  existing(path: string): Promise<ByteSource | undefined>;
}

const temporaryFolder = '.tmp';

/** When this process started, in milliseconds since 1970. */
const started = Math.floor(performance.timeOrigin);

/**
 * Opens a directory for saving, making it where it does not exist, and removes what processes of
 * this host that are gone left unfinished.
 *
 * @throws ImageIoError `NOT_WRITABLE`, `NO_HARD_LINKS`, or `UNSAFE_PATH` when `.tmp` is not a plain folder
 */
export async function openImageStore(directory: string): Promise<ImageStore> {
  const root = resolve(directory);
  const temporary = join(root, temporaryFolder);
  try {
    await makeParents(temporary);
    await assertPlainFolder(temporary);
    await removeAbandoned(temporary);
    await assertLinks(join(temporary, temporaryName()));
  } catch (error) {
    throw error instanceof ImageIoError ? error : notWritable(root, error);
  }
  /** Folders whose place in their parent this process has synced. */
  const durable = new Set([root]);
  const syncShared = sharedSync();
  /** For each folder, what looks at this moment whether it is there. */
  const looking = new Map<string, Promise<void>>();
  const temporaryFile = (): string => join(temporary, temporaryName());

  /** Images that come together mostly share a folder, and then they share the look at it. */
  function makeFoldersShared(folder: string): Promise<void> {
    const making =
      looking.get(folder) ?? makeFolders(root, folder, durable).finally(() => looking.delete(folder));
    looking.set(folder, making);
    return making;
  }

  /** @param unfinished on disk already; it is gone afterwards, unless this failed */
  async function putInPlace(
    path: string,
    unfinished: string,
    isSame: SameContent,
    overwrite = false,
  ): Promise<Saved> {
    const file = join(root, path);
    const folder = dirname(file);
    await makeFoldersShared(folder);
    const saved = await place(unfinished, file, isSame, overwrite);
    // Also where the file was there: a process that was killed may have linked but not synced it.
    await syncShared(folder);
    await removeUnfinished(unfinished);
    return saved;
  }

  return {
    async save(path, bytes, isSame, overwrite) {
      const unfinished = temporaryFile();
      try {
        await writeNew(unfinished, bytes);
        return await putInPlace(path, unfinished, isSame, overwrite);
      } catch (error) {
        await removeUnfinished(unfinished);
        throw error;
      }
    },
    async saveFile(path, unfinished, isSame, overwrite) {
      await syncFile(unfinished);
      return putInPlace(path, unfinished, isSame, overwrite);
    },
    temporaryFile,
    existing: (path) => plainFile(join(root, path)),
  };
}

/**
 * Syncs folders. Those who ask while a sync of the same folder is under way may have come too late for that one, and
 * share the next.
 */
function sharedSync(): (folder: string) => Promise<void> {
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

/** Not `mkdir` with `recursive`: it never returns where a file system denies new folders as /proc does. */
async function makeParents(folder: string): Promise<void> {
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

async function place(
  unfinished: string,
  file: string,
  isSame: SameContent,
  overwrite: boolean,
): Promise<Saved> {
  // Unlike a rename, a link never replaces: of two writers, one wins and the other finds its file.
  if (await linkUnlessTaken(unfinished, file)) {
    return 'written';
  }
  const existing = await plainFile(file);
  if (existing !== undefined && (await isSame(existing))) {
    return 'exists';
  }
  if (!overwrite) {
    throw new ImageIoError('CONFLICT', `${file} already holds another image; the first one stays`);
  }
  await rename(unfinished, file);
  return 'replaced';
}

/** Not `rm` with `force`, which looks at the file first. A file that was renamed is not there. */
async function removeUnfinished(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') {
      throw error;
    }
  }
}

/** Durably, but for its place in the folder. */
async function writeNew(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    // Not `writeFile`, which takes a trip to another thread for every half megabyte.
    for (let written = 0; written < bytes.length;) {
      const { bytesWritten } = await handle.write(bytes, written);
      written += bytesWritten;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function linkUnlessTaken(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') {
      return false;
    }
    throw error;
  }
}

/**
 * The bytes of a file of the output; undefined where there is none. Whoever can write into the output must not make
 * us read, and compare with, a file elsewhere.
 *
 * @throws ImageIoError `UNSAFE_PATH` for anything but a plain file
 */
export async function plainFile(file: string): Promise<ByteSource | undefined> {
  try {
    if ((await lstat(file)).isFile()) {
      return await fileSource(file);
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
  throw new ImageIoError('UNSAFE_PATH', `${file} is not a plain file; remove it`);
}

/**
 * Makes what is missing between root and folder, one level at a time. The first time that this
 * process meets a folder it syncs the parent, even where the folder was there: a process that was
 * killed in between may have made it.
 */
async function makeFolders(root: string, folder: string, durable: Set<string>): Promise<void> {
  if (folder === root) {
    return;
  }
  await makeFolders(root, dirname(folder), durable);
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

/** A link planted here would lead out of the output directory. */
async function assertPlainFolder(folder: string): Promise<void> {
  if (!(await isPlainFolder(folder))) {
    throw new ImageIoError('UNSAFE_PATH', `${folder} is not a plain folder; remove it`);
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function assertLinks(file: string): Promise<void> {
  const other = `${file}-link`;
  try {
    await writeNew(file, Buffer.alloc(0));
    await link(file, other);
  } catch (error) {
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error) ?? '')) {
      const reason =
        'has no hard links, without which a file could replace another; choose a directory on another file system';
      throw new ImageIoError('NO_HARD_LINKS', `the file system of ${dirname(file)} ${reason}`, {
        cause: error,
      });
    }
    throw error;
  } finally {
    await Promise.all([rm(file, { force: true }), rm(other, { force: true })]);
  }
}

/** Names the process that writes the file: while it lives, the file is not for others to remove. */
function temporaryName(): string {
  return `${hostname()}.${process.pid}.${started}.${randomUUID()}`;
}

async function removeAbandoned(temporary: string): Promise<void> {
  for (const name of await readdir(temporary)) {
    const [, host, pid, start] = /^(.*)\.(\d+)\.(\d+)\.[^.]*$/.exec(name) ?? [];
    if (host === hostname() && !isRunning(Number(pid), Number(start))) {
      await rm(join(temporary, name), { force: true });
    }
  }
}

function isRunning(pid: number, start: number): boolean {
  // In a container every consumer has the same process id, so the id alone would spare its own past.
  if (pid === process.pid) {
    return start === started;
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

function notWritable(root: string, cause: unknown): ImageIoError {
  const reason = (cause as Error).message;
  return new ImageIoError('NOT_WRITABLE', `cannot write to the output directory ${root}: ${reason}`, {
    cause,
  });
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
