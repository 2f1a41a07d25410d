import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { ByteSource } from '@image-stream/codec';
import { pieces } from '@image-stream/image-io';
import { endOfArchive, memberBytes, padding, tarHeader } from './ustar.ts';
import { sampleName } from './sample.ts';
import type { Sample } from './sample.ts';

/** An image in a shard that is not durable yet. */
export interface Entry extends Pick<Sample, 'id' | 'offset'> {
  /** Where it begins in the file, with its header, and where the next one does. */
  readonly start: number;
  readonly end: number;
}

/** Samples of one kind in a tar archive on the local disk, in the order of their offsets. One thing is asked of it at a time. */
export interface ShardFile {
  readonly path: string;
  readonly entries: readonly Entry[];
  /** Bytes, of memory and disk. */
  readonly size: number;
  /** Adds an image and what is said of it. After an error it can be added again. */
  add(content: ByteSource, sample: Sample): Promise<void>;
  /** Writes what is still in memory, and the end of the archive. */
  finish(): Promise<void>;
  /** Lets go of the file, which stays where it is. */
  close(): Promise<void>;
}

/** What waits in memory to be written together: a write is a trip to another thread. */
const waitingBytes = 256 * 1024;

/** @param line of the samples, with which their names begin */
export async function createShardFile(path: string, line: string, extension: string): Promise<ShardFile> {
  const file: FileHandle = await open(path, 'wx+');
  const entries: Entry[] = [];
  const waiting = Buffer.allocUnsafe(waitingBytes);
  let [written, used] = [0, 0];

  async function write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      done += (await file.write(bytes, done, bytes.length - done, written + done)).bytesWritten;
    }
    written += bytes.length;
  }

  async function flush(): Promise<void> {
    await write(waiting.subarray(0, used));
    used = 0;
  }

  function copy(bytes: Uint8Array): void {
    waiting.set(bytes, used);
    used += bytes.length;
  }

  async function addSmall(content: ByteSource, name: string, about: Buffer): Promise<void> {
    const bytes = await content.read(0, content.size);
    copy(tarHeader(`${name}.${extension}`, content.size));
    copy(bytes);
    copy(padding(content.size));
    copy(tarHeader(`${name}.json`, about.length));
    copy(about);
    copy(padding(about.length));
  }

  async function addLarge(content: ByteSource, name: string, about: Buffer): Promise<void> {
    await write(tarHeader(`${name}.${extension}`, content.size));
    for await (const piece of pieces(content)) {
      await write(piece);
    }
    await write(padding(content.size));
    await write(tarHeader(`${name}.json`, about.length));
    await write(about);
    await write(padding(about.length));
  }

  return {
    path,
    entries,
    get size() {
      return written + used;
    },
    async add(content, sample) {
      const about = Buffer.from(JSON.stringify(sample));
      const bytes = memberBytes(content.size) + memberBytes(about.length);
      if (used + bytes > waitingBytes) {
        await flush();
      }
      const start = written + used;
      const name = sampleName(line, sample.offset);
      if (bytes <= waitingBytes) {
        await addSmall(content, name, about);
      } else {
        await addLarge(content, name, about).catch((error: unknown) => {
          // The next one is written over it.
          written = start;
          throw error;
        });
      }
      entries.push({ id: sample.id, offset: sample.offset, start, end: start + bytes });
    },
    async finish() {
      await flush();
      const end = written;
      try {
        await write(endOfArchive);
        await file.truncate(written);
      } finally {
        written = end;
      }
    },
    close: () => file.close(),
  };
}
