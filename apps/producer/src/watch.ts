import { once } from 'node:events';
import { realpath, stat } from 'node:fs/promises';
import { relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileSource, inspectImage } from '@image-stream/image-io';
import { watch } from 'chokidar';
import { imageFile } from './image-file.ts';
import type { FileVersion, SentFiles } from './sent-files.ts';
import { badInput } from './source.ts';
import type { ImageFileOptions, Pending } from './source.ts';
import { folderRule, slashes, walk } from './walk.ts';
import type { InputFile } from './walk.ts';

export interface WatchOptions extends ImageFileOptions {
  readonly folder: string;
  /** Whether to enter the folders within the folder. */
  readonly recursive: boolean;
  readonly sent: SentFiles;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/** A file that may still be written. */
interface Settling {
  readonly file: InputFile;
  /** As it was when it was looked at; undefined before that. */
  readonly version?: FileVersion;
  /** Since when it has not changed, in milliseconds since 1970. */
  readonly since: number;
}

/** A file that nobody has changed for so long is taken for complete, if its structure is. */
const settledMs = 1000;

/** A file this old when it is first seen was moved or there before. More than the clocks of file servers differ. */
const oldMs = 60_000;

/** A file whose structure is not complete is waited for as long as it goes on changing, and for so long afterwards. */
const abandonedMs = 30_000;

/** How often to look at files that may still be written. */
const lookMs = 200;

/**
 * The images of a folder, and then those that appear in it, without end: each once it is completely written, and again
 * when it has changed. No file system says when a writer is done, so a file counts as complete when it has not
 * changed for a second and its structure goes on to its end. Files that `sent` knows are passed over.
 */
export async function* watchFolder(options: WatchOptions): AsyncGenerator<Pending> {
  const { folder, recursive, sent, signal } = options;
  const settling = new Map<string, Settling>();
  const touch = (path: string): void => {
    if (path !== sent.path) {
      const file = { path, relativePath: slashes(relative(folder, path)) };
      settling.set(path, { file, since: Date.now() });
    }
  };
  const problem = new AbortController();
  const watcher = watch(folder, {
    ignored: (path) => /(^|[\\/])\./.test(relative(folder, path)),
    ignoreInitial: true,
    ...(!recursive && { depth: 0 }),
  });
  watcher
    .on('add', touch)
    .on('change', touch)
    .on('unlink', (path) => sent.delete(slashes(relative(folder, path))))
    .on('unlinkDir', (path) => path === folder && problem.abort(new Error('the folder is gone')))
    .on('error', (error) => problem.abort(error));

  try {
    // Not `once` of node:events, which throws what the listener above has noted.
    await Promise.race([
      new Promise<void>((ready) => void watcher.once('ready', ready)),
      once(problem.signal, 'abort'),
    ]);
    for await (const found of walk(folder, folderRule(recursive))) {
      if (found.kind === 'bad') {
        yield badInput(found);
      } else if (found.kind === 'file') {
        touch(found.path);
      }
    }
    while (!signal.aborted && !problem.signal.aborted) {
      for (const seen of settling.values()) {
        const { path, relativePath } = seen.file;
        const version = await versionOf(path);
        const isNew = version !== undefined && !sent.has(relativePath, version);
        const since = isNew ? sinceWhen(seen, version) : 0;
        const isReady = isNew && (await isComplete(path, Date.now() - since, options));
        if (settling.get(path) !== seen) {
          // It changed while it was looked at.
          continue;
        }
        if (!isNew) {
          settling.delete(path);
        } else if (isReady) {
          settling.delete(path);
          const image = await imageFile(seen.file, options);
          yield { ...image, acknowledged: () => sent.add(relativePath, version) };
        } else {
          settling.set(path, { file: seen.file, version, since });
        }
      }
      await sleep(lookMs, undefined, { signal }).catch(() => {});
    }
    if (problem.signal.aborted) {
      const hint = 'CHOKIDAR_USEPOLLING=1 in the environment looks at the files instead';
      const error = new Error(
        `${(problem.signal.reason as Error).message}; where a folder cannot be watched, ${hint}`,
      );
      yield badInput({ path: `what comes into ${folder}`, error });
    }
  } finally {
    await watcher.close();
  }
}

async function versionOf(path: string): Promise<FileVersion | undefined> {
  return stat(path).then(
    ({ size, mtimeMs }) => ({ size, mtimeMs }),
    () => undefined,
  );
}

function sinceWhen({ version: before, since }: Settling, { size, mtimeMs }: FileVersion): number {
  if (before === undefined) {
    return Date.now() - mtimeMs > oldMs ? mtimeMs : since;
  }
  return before.size === size && before.mtimeMs === mtimeMs ? since : Date.now();
}

/** True also for a file that is given up: it is sent, and whoever reads it says what is wrong. */
async function isComplete(path: string, unchangedMs: number, options: ImageFileOptions): Promise<boolean> {
  if (unchangedMs < settledMs) {
    return false;
  }
  return (
    unchangedMs >= abandonedMs ||
    realpath(path)
      .then(fileSource)
      .then((source) => inspectImage(source, options))
      .then(
        () => true,
        () => false,
      )
  );
}
