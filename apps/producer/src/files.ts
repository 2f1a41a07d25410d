import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';

/** A file that was asked for. */
export interface InputFile {
  readonly path: string;
  /**
   * Below the directory that was named, or as it was typed for a file; with forward slashes. Part of the
   * image's id, so that the same file sent again is the same image, wherever its directory is.
   */
  readonly relativePath: string;
}

/** An input that cannot be listed. */
export interface BadInput {
  readonly path: string;
  readonly error: Error;
}

export interface ListOptions {
  /** Where relative inputs are taken from. */
  readonly cwd: string;
  /** Whether to enter the directories within a directory. */
  readonly recursive: boolean;
  /** Ends the list early. */
  readonly signal: AbortSignal;
}

/**
 * The files that inputs name, in the order in which they were given; those of a directory or a glob in the order
 * of their paths. Hidden files of directories are left out, as a shell's `*` does, and directories that are
 * symbolic links are not entered; `-` stands for itself. Directories are listed one by one, so that millions of files need little memory.
 */
export async function* listFiles(
  inputs: readonly string[],
  { cwd, recursive, signal }: ListOptions,
): AsyncGenerator<InputFile | BadInput | '-'> {
  for (const input of inputs) {
    if (signal.aborted) {
      return;
    }
    if (input === '-') {
      yield input;
      continue;
    }
    const path = isAbsolute(input) ? input : join(cwd, input);
    try {
      const found = await stat(path).catch(() => undefined);
      if (found?.isDirectory()) {
        yield* walk(path, '', recursive, signal);
      } else if (found === undefined && isDynamicPattern(input)) {
        yield* matches(input, cwd, signal);
      } else if (found === undefined) {
        await stat(path);
      } else {
        yield {
          path,
          relativePath: slashes(relative(cwd, path).startsWith('..') ? path : relative(cwd, path)),
        };
      }
    } catch (error) {
      if (!signal.aborted) {
        yield { path: input, error: error as Error };
      }
    }
  }
}

async function* walk(
  folder: string,
  below: string,
  recursive: boolean,
  signal: AbortSignal,
): AsyncGenerator<InputFile | BadInput> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    yield { path: folder, error: error as Error };
    return;
  }
  const visible = entries.filter(({ name }) => !name.startsWith('.'));
  for (const entry of visible.toSorted((a, b) => compare(a.name, b.name))) {
    if (signal.aborted) {
      return;
    }
    const path = join(folder, entry.name);
    const relativePath = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) {
      if (recursive) {
        yield* walk(path, relativePath, recursive, signal);
      }
    } else if (!(entry.isSymbolicLink() && (await isDirectory(path)))) {
      yield { path, relativePath };
    }
  }
}

async function* matches(pattern: string, cwd: string, signal: AbortSignal): AsyncGenerator<InputFile> {
  const found = await glob(pattern, { cwd, onlyFiles: true, expandDirectories: false, signal });
  if (found.length === 0) {
    throw new Error('no file matches');
  }
  for (const match of found.toSorted(compare)) {
    yield { path: isAbsolute(match) ? match : join(cwd, match), relativePath: slashes(match) };
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/** By code points, so that the order is the same on every machine. */
function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

/** A path as on all systems. */
export function slashes(path: string): string {
  return path.replaceAll('\\', '/');
}
