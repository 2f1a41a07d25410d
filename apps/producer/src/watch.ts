import { realpath, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodecError } from '@image-stream/codec';
import { fileSource, ImageIoError, inspectImage } from '@image-stream/image-io';
import { isProgrammingError } from '@image-stream/kafka-config';
import { counted } from '@image-stream/program';
import { inBatches } from './batches.ts';
import { isArchiveName } from './archives/kind.ts';
import { kindOfArchive } from './archives/open.ts';
import { folderChanges, isGone } from './folder-changes.ts';
import type { Change } from './folder-changes.ts';
import { imageFile } from './image-file.ts';
import type { FileVersion, SentFiles } from './sent-files.ts';
import { badInput } from './source.ts';
import type { Pending, SourceContext } from './source.ts';
import type { InputFile } from './walk.ts';

export interface WatchOptions extends SourceContext {
  readonly folder: string;
  readonly sent: SentFiles;
}

/** A file that is still to be sent. */
interface Candidate {
  readonly file: InputFile;
  readonly version: FileVersion;
  /** Since when it has not changed, and when to look again; by `performance.now()`. */
  readonly since: number;
  readonly lookAt: number;
  /** How often it could not be read or delivered. */
  readonly attempts: number;
}

/** A file that nobody has changed for so long is taken for complete, if its structure is. */
const settledMs = 1000;

/** A file this old when it is first seen was moved or there before. More than the clocks of file servers differ. */
const oldMs = 60_000;

/** A file whose structure is not complete is waited for as long as it goes on changing, and for so long afterwards. */
const abandonedMs = 30_000;

/** The longest pause before a file is tried again. */
const maxPauseMs = 60_000;

/** How often to look at files that may still be written. */
const lookMs = 200;

/** How many files are looked at at once, so that the disk is busy. */
const atOnce = 32;

/** How many files are named that were not sent when the watch ends. */
const maxNamed = 100;

/**
 * The images of a folder, and then those that appear in it, without end: each once it is completely written, and again
 * when it has changed, in size or modification time. No file system says when a writer is done, so a file counts as complete
 * when it has not changed for a second and its structure goes on to its end. Files that `sent` knows are passed over. What
 * cannot be read or delivered stays to be sent until it is sent or gone; what is no image, until it changes.
 */
export async function* watchFolder(options: WatchOptions): AsyncGenerator<Pending> {
  const { folder, sent, signal, incomplete, warn } = options;
  const candidates = new Map<string, Candidate>();
  // Those that are on their way, and those that are no images, until they change.
  const handedOver = new Map<string, FileVersion>();
  // What was said about a path, so that it is said once.
  const reported = new Map<string, string>();
  const changes = folderChanges(folder, options);

  try {
    while (!signal.aborted) {
      for await (const found of inBatches(changes.next(), atOnce)) {
        if (signal.aborted) {
          break;
        }
        yield* await all(found, note);
      }
      for await (const due of inBatches([...candidates.values()].filter(isDue), atOnce)) {
        if (signal.aborted) {
          break;
        }
        yield* await all(due, look);
      }
      await sleep(lookMs, undefined, { signal }).catch(() => {});
    }
  } catch (error) {
    yield badInput({ path: `what comes into ${folder}`, error: error as Error });
  } finally {
    changes.close();
    if (signal.aborted) {
      nameUnsent();
    }
  }

  /** Takes in what has changed. @returns what there is to say about it */
  async function note(change: Change): Promise<Pending[]> {
    const { kind, path, relativePath } = change;
    if (kind === 'bad') {
      return report(change, change.error);
    }
    if (kind === 'folder' || path === sent.path) {
      return [];
    }
    try {
      const version = kind === 'gone' ? undefined : await versionOf(path);
      if (version === undefined) {
        forget(change);
      } else if (!isKnown(relativePath, version)) {
        const age = Date.now() - version.mtimeMs;
        consider(change, version, performance.now() - (age > oldMs ? age : 0));
      }
      return [];
    } catch (error) {
      return report(change, error as Error);
    }
  }

  function isKnown(relativePath: string, version: FileVersion): boolean {
    const known = candidates.get(relativePath)?.version ?? handedOver.get(relativePath);
    return isSame(known, version) || sent.has(relativePath, version);
  }

  function consider({ path, relativePath }: InputFile, version: FileVersion, since: number): void {
    const file = { path, relativePath };
    candidates.set(relativePath, { file, version, since, lookAt: since + settledMs, attempts: 0 });
  }

  function forget({ path, relativePath }: InputFile): void {
    [candidates, handedOver, reported, sent].forEach((known) => known.delete(relativePath));
    incomplete.delete(path);
  }

  /** Looks whether a file is complete. @returns it, if it is; or what there is to say about it */
  async function look(candidate: Candidate): Promise<Pending[]> {
    const { file, version, since, attempts } = candidate;
    if (candidates.get(file.relativePath) !== candidate) {
      return [];
    }
    try {
      const now = await versionOf(file.path);
      const unchangedMs = performance.now() - since;
      const isAbandoned = unchangedMs >= abandonedMs;
      if (now === undefined) {
        forget(file);
      } else if (!isSame(version, now)) {
        consider(file, now, performance.now());
      } else if (await isArchive(file.path)) {
        candidates.delete(file.relativePath);
        handedOver.set(file.relativePath, version);
        return report(
          file,
          new ImageIoError(
            'INVALID_IMAGE',
            'is an archive, which --watch does not look into; send it without --watch',
          ),
        );
      } else {
        // One that is abandoned is sent as it is, and whoever reads it says what is wrong.
        const problem = isAbandoned && attempts === 0 ? undefined : await problemOf(file.path, options);
        if (problem === undefined || isAbandoned) {
          return [handOver(candidate)];
        }
        incomplete.set(file.path, problem);
        const lookAt = performance.now() + Math.max(settledMs, unchangedMs);
        candidates.set(file.relativePath, { ...candidate, lookAt });
      }
      return [];
    } catch (error) {
      tryAgain(candidate);
      return report(file, error as Error);
    }
  }

  function handOver(candidate: Candidate): Pending {
    const { file, version } = candidate;
    const { path, relativePath } = file;
    candidates.delete(relativePath);
    incomplete.delete(path);
    handedOver.set(relativePath, version);
    const image = imageFile(file, options, version.size);
    let isRefused = false;
    return {
      ...image,
      isAgain: reported.has(relativePath),
      async load() {
        try {
          return await image.load();
        } catch (error) {
          isRefused = !isOfSystem(error);
          throw error;
        }
      },
      async acknowledged() {
        if (isSame(handedOver.get(relativePath), version)) {
          handedOver.delete(relativePath);
        }
        reported.delete(relativePath);
        await sent.add(relativePath, version);
      },
      failed(error) {
        reported.set(relativePath, error.message);
        if (isRefused || isOfImage(error)) {
          return false;
        }
        const isThere = isSame(handedOver.get(relativePath), version);
        if (isThere && !candidates.has(relativePath)) {
          tryAgain(candidate);
        }
        return isThere;
      },
    };
  }

  function tryAgain(candidate: Candidate): void {
    const attempts = candidate.attempts + 1;
    const lookAt = performance.now() + Math.min(maxPauseMs, settledMs * 2 ** attempts);
    candidates.set(candidate.file.relativePath, { ...candidate, attempts, lookAt });
  }

  function report({ path, relativePath }: InputFile, error: Error): Pending[] {
    const before = reported.get(relativePath);
    reported.set(relativePath, error.message);
    const isAgain = before !== undefined;
    return before === error.message
      ? []
      : [{ ...badInput({ path, error }), isAgain, failed: () => isOfSystem(error) }];
  }

  function nameUnsent(): void {
    const files = [...candidates.values()].map(({ file }) => file);
    for (const { path, relativePath } of files.slice(0, maxNamed)) {
      const reason = incomplete.get(path) ?? reported.get(relativePath) ?? 'its turn had not come';
      warn(`${path} was not sent yet: ${reason}`);
    }
    if (files.length > maxNamed) {
      warn(`and so were ${counted(files.length - maxNamed, 'other file')}`);
    }
  }
}

/** What a file is now; undefined where there is none. */
async function versionOf(path: string): Promise<FileVersion | undefined> {
  try {
    const found = await stat(path);
    if (!found.isFile()) {
      throw new ImageIoError('INVALID_IMAGE', 'is not a file');
    }
    return { size: found.size, mtimeMs: found.mtimeMs };
  } catch (error) {
    if (await isGone(path)) {
      return undefined;
    }
    throw error;
  }
}

/** By its name first, so that no other file is read for it. */
async function isArchive(path: string): Promise<boolean> {
  return (
    isArchiveName(path) &&
    (await kindOfArchive({ name: path, source: await fileSource(await realpath(path)) })) !== undefined
  );
}

function isSame(one: FileVersion | undefined, other: FileVersion): boolean {
  return one?.size === other.size && one.mtimeMs === other.mtimeMs;
}

function isDue({ lookAt }: Candidate): boolean {
  return lookAt <= performance.now();
}

/** What a file lacks. @throws what the file system says where it cannot be read */
async function problemOf(path: string, options: SourceContext): Promise<string | undefined> {
  try {
    await inspectImage(await fileSource(await realpath(path)), options);
    return undefined;
  } catch (error) {
    if (isOfSystem(error)) {
      throw error;
    }
    return (error as Error).message;
  }
}

/** Whether it is the system that says so, which may change its mind without the file changing. */
function isOfSystem(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).errno === 'number';
}

/** Whether the same image would fail again. */
function isOfImage(error: Error): boolean {
  const isOurs = [error, error.cause].some((one) => one instanceof ImageIoError || one instanceof CodecError);
  return isOurs || isProgrammingError(error);
}

/** What a look at several things gives, which are looked at at once. */
async function all<T>(items: readonly T[], use: (item: T) => Promise<Pending[]>): Promise<Pending[]> {
  return (await Promise.all(items.map(use))).flat();
}
