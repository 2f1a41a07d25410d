import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, rm, unlink, utimes } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import type { Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { StorageError } from './errors.ts';
import { assertPlainFolder, codeOf, makeParents } from './folders.ts';

/** Space on the local disk for what is not finished: chunks that are put together, images that are transcoded. */
export interface Workspace {
  /** The path of a file that does not exist yet. */
  newFile(): string;
  /** Makes the folder again where somebody has removed it; the files in it are lost. @returns whether that was so */
  restore(): Promise<boolean>;
  /** Removes the folder, with all that is in it, unless there is something to settle that cannot be now. */
  close(): Promise<void>;
}

/** Its owner listens on it: the kernel closes it with the process, whatever ends that. */
const socketName = 'alive';

/** How often an owner says that it lives where sockets do not tell, and after how long without that it does not. */
const heartbeatMs = 3_600_000;
const abandonedMs = 24 * heartbeatMs;

/** How often to look again for what others have left, where that is more than files: it could not be settled, or they have just gone. */
const lookAgainMs = 60_000;

/** What tells one running kernel from all others: containers share it, and a restart of the machine changes it. */
const kernel = kernelId();

/**
 * Opens a folder of this process's own in `parent`, and removes those of processes that are gone. Whether one is gone, a socket in
 * its folder tells, also to a process in another container on this machine; of other machines, and where the file system has no
 * sockets, a folder is removed when its owner has not touched it for a day.
 *
 * @param settle undoes what the owner of a folder has left elsewhere, before the folder is removed; false leaves it for a later start
 * @throws StorageError `UNSAFE_PATH` when `parent` is not a plain folder; what the file system says
 */
export async function openWorkspace(
  parent: string,
  settle?: (folder: string) => Promise<boolean>,
): Promise<Workspace> {
  await makeParents(parent);
  await assertPlainFolder(parent);
  // A socket answers only where it is seen through the same mount.
  const place = `${kernel}-${(await lstat(parent)).dev}`;
  const folder = join(parent, `${place}.${randomUUID()}`);
  let server = await claim(folder);
  const clean = (): Promise<void> => removeAbandoned(parent, folder, place, settle);
  await clean();
  let restoring: Promise<boolean> | undefined;
  const heartbeat = setInterval(() => {
    const now = new Date();
    void utimes(folder, now, now).catch(() => {});
  }, heartbeatMs).unref();
  const lookingAgain = settle && setInterval(() => void clean().catch(() => {}), lookAgainMs).unref();

  async function makeAgain(): Promise<boolean> {
    if (await exists(folder)) {
      return false;
    }
    server?.close();
    // Only where its own folder is there: a directory that is gone as a whole must not come back in another place.
    await mkdir(parent).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') {
        throw error;
      }
    });
    server = await claim(folder);
    return true;
  }

  return {
    newFile: () => join(folder, randomUUID()),
    restore() {
      restoring ??= makeAgain().finally(() => (restoring = undefined));
      return restoring;
    },
    async close() {
      clearInterval(heartbeat);
      clearInterval(lookingAgain);
      if (settle !== undefined) {
        await clean().catch(() => {});
      }
      const isSettled = settle === undefined || (await settle(folder));
      server?.close();
      if (isSettled) {
        await remove(folder);
      }
    },
  };
}

/**
 * As `openWorkspace`, in a folder of this user's own below one that others may write into, such as the system's temporary folder.
 *
 * @param place what the folder is for: those who share it remove what the others have left
 */
export async function openScratchWorkspace(
  parent: string,
  place: string,
  settle?: (folder: string) => Promise<boolean>,
): Promise<Workspace> {
  const user = process.getuid?.();
  const folder = join(parent, `image-stream-${user ?? 'scratch'}-${place}`);
  await makeParents(parent);
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') {
      throw error;
    }
  });
  if (user !== undefined && (await lstat(folder)).uid !== user) {
    throw new StorageError('UNSAFE_PATH', `${folder} is somebody else's; choose another --scratch-directory`);
  }
  return openWorkspace(folder, settle);
}

/** Makes a folder, and listens in it where that is possible. */
async function claim(folder: string): Promise<Server | undefined> {
  await mkdir(folder);
  // Under its name, it is there only when it answers.
  const unnamed = `${socketName}.new`;
  try {
    return await withShortPath(folder, async (short) => {
      const server = createServer((socket) => socket.destroy()).unref();
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject).listen(join(short, unnamed), resolve);
      });
      await rename(join(folder, unnamed), join(folder, socketName));
      return server;
    });
  } catch {
    return undefined;
  }
}

async function removeAbandoned(
  parent: string,
  own: string,
  place: string,
  settle: (folder: string) => Promise<boolean> = async () => true,
): Promise<void> {
  const now = (await lstat(own)).mtimeMs;
  for (const name of await readdir(parent)) {
    const folder = join(parent, name);
    if (
      folder !== own &&
      /^[^.]+\.[0-9a-f-]{36}$/.test(name) &&
      (await isAbandoned(folder, name.startsWith(`${place}.`), now)) &&
      (await settle(folder))
    ) {
      // What may not be removed is in nobody's way but the disk's.
      await remove(folder).catch(() => {});
    }
  }
}

/**
 * The socket first, by itself: `rm` looks at every file, and a module that Node.js loads after it has looked at a socket is not found
 * behind a symbolic link (https://github.com/nodejs/node, `realpathSync` takes the type of the last file that was looked at for its own).
 */
async function remove(folder: string): Promise<void> {
  await unlink(join(folder, socketName)).catch(() => {});
  await rm(folder, { recursive: true, force: true });
}

/** @param now as the file system of the folder says */
async function isAbandoned(folder: string, isOfThisPlace: boolean, now: number): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    return false;
  }
  if (isOfThisPlace && (await exists(join(folder, socketName)).catch(() => true))) {
    return isSilent(folder);
  }
  return now - found.mtimeMs > abandonedMs;
}

/** Whether nobody listens any more. What else keeps from asking, such as a lack of permission, says nothing. */
function isSilent(folder: string): Promise<boolean> {
  return withShortPath(
    folder,
    (short) =>
      new Promise<boolean>((resolve) => {
        const socket = createConnection(join(short, socketName));
        socket.once('connect', () => {
          socket.destroy();
          resolve(false);
        });
        socket.once('error', (error) => resolve(codeOf(error) === 'ECONNREFUSED'));
      }),
  ).catch(() => false);
}

/** The path of a socket has room for some 100 bytes; on Linux, any folder has a short one. */
async function withShortPath<T>(folder: string, use: (short: string) => Promise<T>): Promise<T> {
  if (process.platform !== 'linux') {
    return use(folder);
  }
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder);
    return await use(`/proc/self/fd/${handle.fd}`);
  } finally {
    await handle?.close();
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}

function kernelId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return hostname().replaceAll('.', '-');
  }
}
