import { isUtf8 } from 'node:buffer';
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

/** A file that was asked for. */
export interface InputFile {
  readonly path: string;
  /**
   * Below the folder that was named, or as it was typed for a file; with forward slashes. Part of the image's id, so that
   * the same file sent again is the same image, wherever its folder is.
   */
  readonly relativePath: string;
}

/** What a walk comes across: a file, a folder that it is about to list, or what it cannot list or name. */
export type Found =
  | ({ readonly kind: 'file' | 'folder' } & InputFile)
  | ({ readonly kind: 'bad'; readonly error: Error } & InputFile);

/** Where a walk goes, and what it takes; by a path below the folder where it began. */
export interface Rule {
  readonly enters: (relativePath: string) => boolean;
  readonly takes: (relativePath: string) => boolean;
}

/**
 * What is in a folder, in the order of the paths. Folders that are symbolic links are not entered, so a walk ends. Folders are
 * listed one by one, so that millions of files need little memory.
 */
export async function* walk(folder: string, rule: Rule, below = ''): AsyncGenerator<Found> {
  yield { kind: 'folder', path: folder, relativePath: below };
  let entries: Dirent<Buffer>[];
  try {
    entries = await readdir(folder, { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    yield { kind: 'bad', path: folder, relativePath: below, error: error as Error };
    return;
  }
  const named = entries.map((entry) => ({ entry, name: entry.name.toString() }));
  for (const { entry, name } of named.toSorted((a, b) => compare(a.name, b.name))) {
    const path = join(folder, name);
    const relativePath = below === '' ? name : `${below}/${name}`;
    if (!(entry.isDirectory() ? rule.enters(relativePath) : rule.takes(relativePath))) {
      continue;
    }
    if (!isUtf8(entry.name)) {
      yield { kind: 'bad', path: join(folder, escaped(entry.name)), relativePath, error: notUtf8() };
    } else if (entry.isDirectory()) {
      yield* walk(path, rule, relativePath);
    } else if (!(entry.isSymbolicLink() && (await isFolder(path)))) {
      yield { kind: 'file', path, relativePath };
    }
  }
}

/** What a folder gives, with and without `--watch`: neither hidden files nor unfinished ones. */
export function folderRule(recursive: boolean): Rule {
  return {
    enters: (path) => recursive && !isHidden(path),
    takes: (path) => !isHidden(path) && !isUnfinished(path),
  };
}

/** Whether a name is hidden: folders give no such files, as a shell's `*` does not. */
export function isHidden(path: string): boolean {
  return /(?:^|\/)\.[^/]*$/.test(path);
}

/** Whether a name is one that programs give to what they are still writing, or keep beside it: such files are not meant. */
export function isUnfinished(path: string): boolean {
  return /(?:~|\.(?:part|partial|filepart|crdownload|tmp|temp|swp))$/i.test(path);
}

/** A path as on all systems. */
export function slashes(path: string): string {
  return sep === '/' ? path : path.replaceAll(sep, '/');
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/** By code points, so that the order is the same on every machine. */
function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

function notUtf8(): Error {
  return new Error('its name is not UTF-8, so that it cannot be part of an id; rename it');
}

/** A name whose bytes are no text, such as `a\xff.png`. */
function escaped(name: Buffer): string {
  return name
    .toString('latin1')
    .replaceAll(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
