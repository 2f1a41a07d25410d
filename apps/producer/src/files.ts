import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileSource } from '@image-stream/image-io';
import { counted } from '@image-stream/program';
import { inBatches } from './batches.ts';
import { isArchiveName } from './archives/kind.ts';
import { openArchive } from './archives/open.ts';
import { globFiles, isGlob } from './glob.ts';
import { imageFile } from './image-file.ts';
import { badInput } from './source.ts';
import type { Source, SourceContext } from './source.ts';
import { folderRule, isHidden, isUnfinished, slashes, walk } from './walk.ts';
import type { Found, InputFile, Rule } from './walk.ts';
import { watchFolder } from './watch.ts';

/** Of how many files the sizes are asked for at once. */
const atOnce = 64;

/** A source: a path of this machine, which names a file, a folder or, where nothing has that name, a glob. */
export const localFiles: Source = {
  inputs: 'file:// (or a path: a file, a folder, a glob)',
  async *open(input, context) {
    const path = plainPath(input);
    const kind = await kindOf(path, context);
    for await (const batch of inBatches(kinds[kind](path, context), atOnce)) {
      const sizes = await Promise.all(
        batch.map(async (found) => (found.kind === 'file' ? context.files.size(found.path) : 0)),
      );
      for (const [index, found] of batch.entries()) {
        if (context.signal.aborted) {
          return;
        }
        if (found.kind === 'bad') {
          yield badInput(found);
        } else if (found.kind === 'file') {
          // To look into each file of a folder would cost as much as to read it.
          const mayBeArchive = kind === 'file' || isArchiveName(found.path);
          const images = mayBeArchive ? await archiveFile(found, context) : undefined;
          yield* images ?? [imageFile(found, context, sizes[index]!)];
        }
      }
    }
  },
  async *watch(input, context) {
    const folder = context.path(plainPath(input));
    yield* watchFolder({ ...context, folder, sent: await context.sentFiles(folder) });
  },
};

/** For so long files are counted at most. */
const maxCountMs = 2000;

/**
 * How many files of this machine inputs name; undefined where it takes too long to count them, or an archive among them holds nobody
 * knows how many images.
 */
export async function countFiles(
  inputs: readonly string[],
  options: Pick<SourceContext, 'path' | 'recursive'>,
): Promise<number | undefined> {
  const deadline = performance.now() + maxCountMs;
  const context = { ...options, warn: () => {} };
  let count = 0;
  for (const input of inputs) {
    const path = plainPath(input);
    try {
      for await (const found of kinds[await kindOf(path, context)](path, context)) {
        if (isArchiveName(found.path) || performance.now() > deadline) {
          return undefined;
        }
        count += Number(found.kind !== 'folder');
      }
    } catch {
      // Reported as one image that failed.
      count += 1;
    }
  }
  return count;
}

/** What finding files takes. */
type FindContext = Pick<SourceContext, 'path' | 'recursive' | 'warn'>;

type Kind = (path: string, context: FindContext) => AsyncIterable<Found>;

const kinds = { file: oneFile, folder: filesOfFolder, glob: filesOfGlob } as const satisfies Record<
  string,
  Kind
>;

/** As `openArchive`. */
async function archiveFile({ path, relativePath }: InputFile, context: SourceContext) {
  const source = await realpath(path)
    .then(fileSource)
    .catch(() => undefined);
  return source && openArchive({ name: path, relativePath, source }, context);
}

/** @throws what the file system says where there is nothing, or nothing can be seen */
async function kindOf(path: string, context: FindContext): Promise<keyof typeof kinds> {
  try {
    return (await stat(context.path(path))).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && isGlob(path)) {
      return 'glob';
    }
    throw error;
  }
}

async function* oneFile(input: string, context: FindContext): AsyncGenerator<Found> {
  yield { kind: 'file', ...inputFile(context.path(input), context.path('.')) };
}

/** A file that is named by its absolute path: below a folder, it is known by its path from there. */
export function inputFile(path: string, folder: string): InputFile {
  const below = relative(folder, path);
  const isOutside = below === '..' || below.startsWith(`..${sep}`) || isAbsolute(below);
  return { path, relativePath: slashes(isOutside ? path : below) };
}

async function* filesOfFolder(input: string, { path, recursive, warn }: FindContext): AsyncGenerator<Found> {
  const seen = { files: 0, folders: 0, unfinished: 0 };
  const { enters, takes } = folderRule(recursive);
  const rule: Rule = {
    enters(below) {
      seen.folders += Number(!isHidden(below));
      return enters(below);
    },
    takes(below) {
      seen.unfinished += Number(isUnfinished(below) && !isHidden(below));
      return takes(below);
    },
  };
  for await (const found of walk(path(input), rule)) {
    seen.files += Number(found.kind !== 'folder');
    yield found;
  }
  if (seen.unfinished > 0) {
    warn(`${input}: ${counted(seen.unfinished, 'file')} skipped, named like unfinished files or backups`);
  }
  if (seen.files === 0 && seen.folders > 0 && !recursive) {
    throw new Error(
      `it contains no files, only ${counted(seen.folders, 'folder')}; --recursive includes them`,
    );
  }
  if (seen.files === 0) {
    warn(`${input}: no files to send`);
  }
}

async function* filesOfGlob(input: string, { path }: FindContext): AsyncGenerator<Found> {
  let isEmpty = true;
  for await (const found of globFiles(input, path('.'))) {
    isEmpty &&= found.kind === 'folder';
    yield found;
  }
  if (isEmpty) {
    throw new Error('no file matches');
  }
}

/** The path of an input, which may be a URL; one that names no file of this machine, such as `file://host/a`, is found nowhere. */
export function plainPath(input: string): string {
  try {
    return /^file:\/\//i.test(input) ? fileURLToPath(input) : input;
  } catch {
    return input;
  }
}
