import { Worker } from 'node:worker_threads';
import { CodecError } from '@image-stream/codec';
import type { CodecErrorCode } from '@image-stream/codec';
import { ImageIoError } from '@image-stream/image-io';
import type { ImageIoErrorCode } from '@image-stream/image-io';
import type { LoadedFile, LoadOptions } from './load-file.ts';

/** Reads, checks and hashes files. */
export interface FileLoader {
  /** As `sizeOfFile`. */
  size(path: string): Promise<number>;
  /** As `loadFile`. @param bytes how many the file has, as far as is known */
  load(path: string, bytes: number): Promise<LoadedFile>;
  /** Ends the threads, where the process goes on without them; nothing may be asked any more. */
  close(): Promise<void>;
}

/** What a thread is asked to do. */
export interface Task {
  readonly kind: 'size' | 'load';
  readonly path: string;
}

/** What a thread is asked at once. */
export interface Batch {
  readonly id: number;
  readonly tasks: readonly Task[];
}

/** What became of a task. */
export interface Outcome {
  readonly size?: number;
  readonly loaded?: LoadedFile;
  /** Between threads, an error loses its class and its properties. */
  readonly failure?: { readonly error: Error; readonly properties: object };
}

interface Job extends Task {
  readonly bytes: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  /** What it was asked, and has not answered. */
  readonly batches: Map<number, { readonly jobs: readonly Job[]; readonly sentAt: number }>;
}

/** One reads what the system has in memory faster than it is sent; so many are as many as Node.js has for files. */
const maxThreads = 4;

/** Where a batch takes longer, the disk or the network is waited for, which serve several threads at once. */
const slowMs = 250;

/** Bytes of the objects that each thread makes before it collects those that are garbage; they live for one file. */
const resourceLimits = { maxYoungGenerationSizeMb: 6 };

/** One that is worked on, and one that waits, so that a thread need not wait for the next. */
const batchesAtOnce = 2;

const maxBatchTasks = 32;
const maxBatchBytes = 512 * 1024;

/**
 * Loads files on threads of its own, which wait for the disk with plain calls: of a small file, the trips of each call to the threads of
 * Node.js take several times as long as the file. While a thread is busy, what is asked for collects, and goes to it together. A thread starts
 * when it is needed, and lets the process end while it has nothing to do.
 */
export function createFileLoader(options: LoadOptions): FileLoader {
  const waiting: Job[] = [];
  const threads: Thread[] = [];
  let wantedThreads = 1;
  let lastId = 0;

  function ask(kind: Task['kind'], path: string, bytes: number): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      waiting.push({ kind, path, bytes, resolve, reject });
      handOut();
    });
  }

  function handOut(): void {
    while (waiting.length > 0) {
      const thread = freeThread();
      if (thread === undefined) {
        return;
      }
      const jobs = takeBatch(waiting);
      lastId += 1;
      thread.batches.set(lastId, { jobs, sentAt: performance.now() });
      thread.worker.ref();
      thread.worker.postMessage({ id: lastId, tasks: jobs.map(({ kind, path }) => ({ kind, path })) });
    }
  }

  /** The one with the least to do; undefined where all have enough. */
  function freeThread(): Thread | undefined {
    if (threads.length < wantedThreads) {
      return startThread();
    }
    const thread = threads.reduce((one, other) => (other.batches.size < one.batches.size ? other : one));
    return thread.batches.size < batchesAtOnce ? thread : undefined;
  }

  function startThread(): Thread {
    const worker = new Worker(new URL('file-loader-worker.js', import.meta.url), {
      workerData: options,
      resourceLimits,
    });
    const thread: Thread = { worker, batches: new Map() };
    threads.push(thread);
    worker.on('message', ({ id, outcomes }: { id: number; outcomes: Outcome[] }) => {
      const { jobs, sentAt } = thread.batches.get(id)!;
      thread.batches.delete(id);
      if (thread.batches.size === 0) {
        worker.unref();
      }
      if (performance.now() - sentAt > slowMs) {
        wantedThreads = Math.min(threads.length + 1, maxThreads);
      }
      jobs.forEach(({ resolve }, index) => resolve(outcomes[index]!));
      handOut();
    });
    // Such as one that has run out of memory. What it was asked for fails, and another one is started for what comes.
    worker.on('error', (error) => {
      threads.splice(threads.indexOf(thread), 1);
      for (const { jobs } of thread.batches.values()) {
        jobs.forEach(({ reject }) => reject(error));
      }
      handOut();
    });
    return thread;
  }

  return {
    size: async (path) => (await ask('size', path, 0)).size ?? 0,
    async load(path, bytes) {
      const { loaded, failure } = await ask('load', path, bytes);
      if (failure !== undefined) {
        throw revived(failure);
      }
      const { mtime, image } = loaded!;
      return { mtime, ...(image && { image: { ...image, bytes: asBuffer(image.bytes) } }) };
    },
    async close() {
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
}

/** Takes as many jobs as belong together, and at least one. */
function takeBatch(waiting: Job[]): Job[] {
  let bytes = waiting[0]!.bytes;
  let count = 1;
  while (count < Math.min(waiting.length, maxBatchTasks) && bytes + waiting[count]!.bytes <= maxBatchBytes) {
    bytes += waiting[count]!.bytes;
    count += 1;
  }
  return waiting.splice(0, count);
}

function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/** An error as it was thrown. */
function revived({ error, properties }: NonNullable<Outcome['failure']>): Error {
  const { message, cause } = error;
  const { name, code } = properties as { readonly name?: string; readonly code?: string };
  if (name === 'ImageIoError') {
    return new ImageIoError(code as ImageIoErrorCode, message, { cause });
  }
  if (name === 'CodecError') {
    return new CodecError(code as CodecErrorCode, message, { cause });
  }
  return Object.assign(error, properties);
}
