import { link, lstat, open, opendir, rename, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { ByteSource } from '@image-stream/codec';
import { fileSource, isFileSource, pieces } from '@image-stream/image-io';
import { classOfStorageError, StorageError } from './errors.ts';
import { arePlainFolders, codeOf, folderMaker, folderSyncer, makeParents } from './folders.ts';
import { probeDirectory } from './probe-directory.ts';
import type { Accepted, Kept, Opened, Sink, SinkReader } from './sink.ts';
import { openWorkspace } from './workspace.ts';
import type { Workspace } from './workspace.ts';

/** Is durable already. */
const isDurable: Accepted = { durable: async () => {} };

/** The images in a directory, which need not exist to be looked for. */
export function readDirectory(directory: string): SinkReader {
  const root = resolve(directory);
  const makeFolders = folderMaker(root);
  const syncFolder = folderSyncer();
  return {
    location: root,
    async find(key) {
      const file = join(root, key);
      const content = await plainFile(root, file);
      return (
        content && {
          content,
          // Neither its folder nor those above it may be synced yet.
          async durable() {
            await makeFolders(dirname(file));
            await syncFolder(dirname(file));
          },
        }
      );
    },
    async *list(prefix) {
      if (prefix !== undefined) {
        yield* filesOf(root, dirname(prefix), prefix);
        return;
      }
      for await (const customer of folders(root, 'customer=')) {
        for await (const date of folders(join(root, customer), 'date=')) {
          yield* filesOf(root, `${customer}/${date}`);
        }
      }
    },
    probe: () => probeDirectory(root),
    classify: classOfStorageError,
    close: async () => {},
  };
}

/**
 * Keeps images as files of a directory, each durable when it is accepted. A file appears whole: it is written and synced in the workspace,
 * and then linked to its name. Unlike a rename, a link never replaces: of two writers one wins.
 *
 * @param directory which is there, with the workspace in it
 */
function createFileSink(directory: string, workspace: Workspace): Sink {
  const root = resolve(directory);
  const makeFolders = folderMaker(root);
  const syncFolder = folderSyncer();
  /** Files whose sync has failed. The kernel says so once; the next sync would succeed without having written anything. */
  const unsynced = new Set<string>();

  /** @returns where it was written: the source's own file, if it is one */
  async function writeDurably(content: ByteSource): Promise<string> {
    if (isFileSource(content) && !unsynced.has(content.path)) {
      await syncFile(content.path).catch((error: unknown) => {
        unsynced.add(content.path);
        throw error;
      });
      return content.path;
    }
    const file = workspace.newFile();
    try {
      await writeNew(file, content);
    } catch (error) {
      await remove(file);
      throw error;
    }
    return file;
  }

  async function putInPlace(
    written: string,
    file: string,
    mode: 'create' | 'replace',
  ): Promise<Accepted | undefined> {
    const folder = dirname(file);
    await makeFolders(folder);
    if (!(await linkUnlessTaken(written, file))) {
      if (mode === 'create') {
        return undefined;
      }
      await plainFile(root, file);
      await replace(written, file, workspace.newFile());
    }
    await syncFolder(folder);
    return isDurable;
  }

  /** Once more where somebody has removed the workspace, or a folder, in between. */
  async function again<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') {
        throw error;
      }
      await workspace.restore().catch((failure: unknown) => {
        if (codeOf(failure) !== 'ENOENT') {
          throw failure;
        }
        throw new StorageError('GONE', `${root} was removed while images were saved there; start again`, {
          cause: failure,
        });
      });
      return run();
    }
  }

  return {
    ...readDirectory(root),
    put: (key, content, mode) =>
      again(async () => {
        const written = await writeDurably(content);
        try {
          return await putInPlace(written, join(root, key), mode);
        } finally {
          if (!(isFileSource(content) && written === content.path)) {
            await remove(written);
          }
        }
      }),
    flush: async () => {},
  };
}

/**
 * Opens a directory for images, making it where it does not exist.
 *
 * @throws StorageError `NOT_WRITABLE`, `NO_HARD_LINKS`, or `UNSAFE_PATH` when `.tmp` is not a plain folder
 */
export async function openDirectory(directory: string): Promise<Opened> {
  const root = resolve(directory);
  try {
    await makeParents(root);
    const workspace = await openWorkspace(join(root, '.tmp'));
    await assertLinks(workspace.newFile());
    return { workspace, sink: createFileSink(root, workspace) };
  } catch (error) {
    if (error instanceof StorageError) {
      throw error;
    }
    const reason = (error as Error).message;
    throw new StorageError('NOT_WRITABLE', `cannot write to the output directory ${root}: ${reason}`, {
      cause: error,
    });
  }
}

/**
 * The bytes of a file of the output; undefined where there is none. Whoever can write into the output must not make us read, and compare
 * with, a file elsewhere.
 *
 * @throws StorageError `UNSAFE_PATH` for anything but a plain file
 */
async function plainFile(root: string, file: string): Promise<ByteSource | undefined> {
  if (!(await arePlainFolders(root, dirname(file)))) {
    return undefined;
  }
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
  throw new StorageError('UNSAFE_PATH', `${file} is not a plain file; remove it`);
}

/** Puts a file in the place of another plain file, which stays until then. */
async function replace(written: string, file: string, between: string): Promise<void> {
  await link(written, between);
  try {
    await rename(between, file);
  } finally {
    // Where that failed, or was a rename to itself after an attempt that failed later.
    await remove(between);
  }
}

/** Durably, but for its place in the folder. */
async function writeNew(file: string, content: ByteSource): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    // What is in memory is written at once: each call is a trip to another thread.
    const all = isFileSource(content) ? pieces(content) : [await content.read(0, content.size)];
    for await (const bytes of all) {
      for (let written = 0; written < bytes.length;) {
        written += (await handle.write(bytes, written)).bytesWritten;
      }
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

/** Not `rm` with `force`, which looks at the file first. */
async function remove(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') {
      throw error;
    }
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

/** The files of a folder whose keys begin with `prefix`; none where there is no such folder. */
async function* filesOf(root: string, folder: string, prefix = `${folder}/`): AsyncGenerator<Kept> {
  if (!(await arePlainFolders(root, join(root, folder)))) {
    return;
  }
  for await (const entry of await opendir(join(root, folder))) {
    const key = `${folder}/${entry.name}`;
    if (!entry.isDirectory() && key.startsWith(prefix)) {
      yield { key };
    }
  }
}

/** One entry at a time, so that a folder may hold millions. Links are not followed. */
async function* folders(parent: string, prefix: string): AsyncGenerator<string> {
  for await (const entry of await opendir(parent)) {
    if (entry.isDirectory() && entry.name.startsWith(prefix)) {
      yield entry.name;
    }
  }
}

async function assertLinks(file: string): Promise<void> {
  const other = `${file}-link`;
  try {
    await (await open(file, 'wx')).close();
    await link(file, other);
  } catch (error) {
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error) ?? '')) {
      const reason =
        'has no hard links, without which a file could replace another; choose a directory on another file system';
      throw new StorageError('NO_HARD_LINKS', `the file system of ${dirname(file)} ${reason}`, {
        cause: error,
      });
    }
    throw error;
  } finally {
    await Promise.all([remove(file), remove(other)]);
  }
}
