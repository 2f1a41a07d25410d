import { isUtf8 } from 'node:buffer';
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { folderRule, slashes, walk } from './walk.ts';
import type { Found } from './walk.ts';

/** What a look at a folder comes across: what a walk finds, and what is gone since. */
export type Change = Found | (Omit<Found, 'kind'> & { readonly kind: 'gone' });

/** What is new in a folder, changed or gone. */
export interface FolderChanges {
  /** What there is to look at now; the first time, all there is. @throws Error where the folder itself is gone */
  next(): AsyncGenerator<Change>;
  close(): void;
}

export interface FolderChangesOptions {
  /** Whether to enter the folders within the folder. */
  readonly recursive: boolean;
  readonly warn: (message: string) => void;
}

/** How long a listing is taken for true, and how much of the time listings may take. */
const listMs = 2000;
const listShare = 0.05;

/**
 * Looks at a folder in two ways. The system tells at once what happens in each folder that is watched; and from time to time
 * everything is listed, since network file systems and container mounts tell nothing, a queue of events that is full drops some, and
 * there may be no watch left to have. So a watch only makes it faster, and nothing depends on one.
 */
export function folderChanges(top: string, { recursive, warn }: FolderChangesOptions): FolderChanges {
  const rule = folderRule(recursive);
  const watchers = new Map<string, FSWatcher>();
  /** What events were about, and whether a name came or went. */
  let touched = new Map<string, boolean>();
  let present = new Set<string>();
  let identity = '';
  let listAt = 0;
  let isWarned = false;

  const below = (path: string): string => slashes(relative(top, path));

  return {
    async *next() {
      await assertThere();
      const events = touched;
      touched = new Map();
      for (const [path, isRename] of events) {
        yield* look(path, isRename);
      }
      if (performance.now() >= listAt) {
        yield* list();
      }
    },
    close() {
      watchers.forEach((watcher) => watcher.close());
    },
  };

  async function assertThere(): Promise<void> {
    // While it cannot be asked, as a network file system that is away, it may come back.
    const isThere = await stat(top).then(
      (found) => found.isDirectory(),
      ({ code }: NodeJS.ErrnoException) => code !== 'ENOENT' && code !== 'ENOTDIR',
    );
    if (!isThere) {
      throw new Error('the folder is gone');
    }
  }

  async function* look(path: string, isRename: boolean): AsyncGenerator<Change> {
    const relativePath = below(path);
    try {
      const [entry, found] = [await lstat(path), await stat(path)];
      if (!found.isDirectory()) {
        if (rule.takes(relativePath)) {
          present.add(relativePath);
          yield { kind: 'file', path, relativePath };
        }
      } else if (!isRename) {
        // Its contents tell for themselves.
      } else if (relativePath === '' || (entry.isDirectory() && rule.enters(relativePath))) {
        // It may be another one of that name, of which the old watch tells nothing.
        unwatch(path);
        yield* enter(path, relativePath);
      }
    } catch (error) {
      const isThere = !(await isGone(path).catch(() => false));
      unwatch(path);
      if (!isThere) {
        present.delete(relativePath);
        yield { kind: 'gone', path, relativePath };
      } else if (rule.takes(relativePath)) {
        yield { kind: 'bad', path, relativePath, error: error as Error };
      }
    }
  }

  /** A watch begins before its folder is listed, so that nothing falls in between. */
  async function* enter(path: string, relativePath: string): AsyncGenerator<Found> {
    for await (const found of walk(path, rule, relativePath)) {
      if (found.kind === 'folder') {
        watchFolder(found.path);
      } else {
        present.add(found.relativePath);
      }
      yield found;
    }
  }

  async function* list(): AsyncGenerator<Change> {
    const began = performance.now();
    const before = (await isSame()) ? present : new Set<string>();
    const unlisted: string[] = [];
    present = new Set();
    for await (const found of enter(top, '')) {
      if (found.kind === 'bad') {
        unlisted.push(`${found.relativePath}/`);
      }
      yield found;
    }
    for (const relativePath of before) {
      const isListed = !unlisted.some((folder) => folder === '/' || relativePath.startsWith(folder));
      if (isListed && !present.has(relativePath)) {
        yield { kind: 'gone', path: join(top, relativePath), relativePath };
      }
    }
    const ended = performance.now();
    listAt = ended + Math.max(listMs, (ended - began) / listShare);
  }

  /** Whether the folder is the one that was listed before: without its file system, files are not gone but out of sight. */
  async function isSame(): Promise<boolean> {
    const before = identity;
    identity = await stat(top).then(
      ({ dev, ino }) => `${dev} ${ino}`,
      () => '',
    );
    return identity === before;
  }

  function watchFolder(path: string): void {
    if (watchers.has(path)) {
      return;
    }
    try {
      const watcher = watch(path, { encoding: 'buffer' });
      watchers.set(path, watcher);
      watcher.on('change', (event, name: Buffer | null) => {
        const isRename = event === 'rename';
        const isNamed = name !== null && isUtf8(name);
        // A folder that is removed says its own name. One without a name may be anything.
        if (!isNamed || name.toString() === basename(path)) {
          touch(path, isRename || !isNamed);
        }
        if (isNamed) {
          touch(join(path, name.toString()), isRename);
        }
      });
      watcher.on('error', () => unwatch(path));
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException;
      // Whatever else keeps it from being watched keeps it from being listed, which is reported.
      if (code in settings && !isWarned) {
        isWarned = true;
        warn(
          `${path} and others cannot be watched, and are listed instead: ${message}; raise ${settings[code]} to see files sooner`,
        );
      }
    }
  }

  function touch(path: string, isRename: boolean): void {
    touched.set(path, isRename || touched.get(path) === true);
  }

  /** Ends the watch of a folder, and of those that were in it. */
  function unwatch(path: string): void {
    if (watchers.has(path)) {
      for (const [watched, watcher] of watchers) {
        if (watched === path || watched.startsWith(path + sep)) {
          watcher.close();
          watchers.delete(watched);
        }
      }
    }
  }
}

/** What there are too few of, by the error of a watch. */
const settings: Readonly<Record<string, string>> = {
  ENOSPC: 'fs.inotify.max_user_watches',
  EMFILE: 'fs.inotify.max_user_instances, or the limit of open files (ulimit -n)',
};

/** Whether nothing is there. @throws what the file system says where it cannot be looked at */
export async function isGone(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return true;
    }
    throw error;
  }
}
