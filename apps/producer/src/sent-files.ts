import { randomUUID } from 'node:crypto';
import { appendFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { openFile } from '@image-stream/image-io';
import { UsageError } from '@image-stream/program';

/** A file as it was when it was sent; another size or time makes it another one. */
export interface FileVersion {
  /** Bytes. */
  readonly size: number;
  /** Time of the last modification, in milliseconds since 1970. */
  readonly mtimeMs: number;
}

/** Where files were sent to: what one topic has got, another one has not. */
export interface Destination {
  readonly clusterId: string;
  readonly topic: string;
}

/** A note on disk of the files that were sent, so that a restart does not send them again. */
export interface SentFiles {
  readonly path: string;
  has(path: string, version: FileVersion): boolean;
  /** Notes that a file was acknowledged. */
  add(path: string, version: FileVersion): Promise<void>;
  /** Forgets a file that is gone. */
  delete(path: string): void;
}

interface Line extends FileVersion, Destination {
  readonly path: string;
}

/** The file is written anew when it has twice as many lines as files, and so many more. */
const spareLines = 1000;

/**
 * Reads the note, and goes on writing it: one line of JSON a file. What a killed process left unfinished at its end is
 * passed over; those files are sent again, which does no harm, since their ids come from their content.
 *
 * @throws UsageError where it cannot be written
 */
export async function openSentFiles(file: string, destination: Destination): Promise<SentFiles> {
  const { clusterId, topic } = destination;
  const sent = new Map<string, FileVersion>();
  const others: Line[] = [];
  let lines = 0;
  const text = await readText(file);
  for (const line of linesOf(text)) {
    lines += 1;
    if (line.clusterId === clusterId && line.topic === topic) {
      sent.set(line.path, line);
    } else {
      others.push(line);
    }
  }
  // The last line of a killed process may lack its end. Where it does not, this finds out whether the file can be written.
  await appendFile(file, text === '' || text.endsWith('\n') ? '' : '\n').catch((error: Error) => {
    throw unusable(file, error);
  });
  let writing = Promise.resolve();
  let unwritten: string[] = [];
  let isTorn = false;

  /** All that has come since the last time, at once: one write for each file would be slower than the files. */
  async function write(): Promise<void> {
    if (unwritten.length === 0) {
      return;
    }
    const batch = unwritten;
    unwritten = [];
    try {
      await appendFile(file, `${isTorn ? '\n' : ''}${batch.join('')}`);
      isTorn = false;
    } catch (error) {
      isTorn = true;
      unwritten = [...batch, ...unwritten];
      throw error;
    }
    lines += batch.length;
    if (lines > 2 * (sent.size + others.length) + spareLines) {
      await compact();
    }
  }

  async function compact(): Promise<void> {
    // Hidden, since the folder that it lies in may be the one that is watched.
    const replacement = join(dirname(file), `.${basename(file)}.${randomUUID()}`);
    const ours = [...sent].map(([path, { size, mtimeMs }]) => ({ ...destination, path, size, mtimeMs }));
    const kept = [...others, ...ours];
    try {
      await writeFile(replacement, kept.map((line) => `${JSON.stringify(line)}\n`).join(''), { flush: true });
      await rename(replacement, file);
      lines = kept.length;
    } finally {
      await rm(replacement, { force: true });
    }
  }

  return {
    path: file,
    has(path, { size, mtimeMs }) {
      const known = sent.get(path);
      return known?.size === size && known.mtimeMs === mtimeMs;
    },
    add(path, { size, mtimeMs }) {
      sent.set(path, { size, mtimeMs });
      unwritten.push(`${JSON.stringify({ clusterId, topic, path, size, mtimeMs })}\n`);
      writing = writing.catch(() => {}).then(write);
      return writing;
    },
    delete(path) {
      sent.delete(path);
    },
  };
}

async function readText(path: string): Promise<string> {
  try {
    const file = await openFile(path);
    return await file.readFile('utf8').finally(() => file.close());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return '';
    }
    throw unusable(path, error as Error);
  }
}

function linesOf(text: string): Line[] {
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Line];
    } catch {
      return [];
    }
  });
}

function unusable(file: string, cause: Error): UsageError {
  return new UsageError(
    `what was sent cannot be noted in ${file}: ${cause.message}; choose another place with --state-file`,
    { cause },
  );
}
