import { randomUUID } from 'node:crypto';
import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
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

  async function compact(): Promise<void> {
    const replacement = `${file}.${randomUUID()}`;
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
      writing = writing
        .catch(() => {})
        .then(async () => {
          await appendFile(file, `${JSON.stringify({ clusterId, topic, path, size, mtimeMs })}\n`);
          lines += 1;
          if (lines > 2 * (sent.size + others.length) + spareLines) {
            await compact();
          }
        });
      return writing;
    },
    delete(path) {
      sent.delete(path);
    },
  };
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return '';
    }
    throw unusable(file, error);
  });
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
