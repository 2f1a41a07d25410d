// The consumer with another sink, for a test to run as a process of its own: in the memory of whoever started it, and durable in batches
// of ten. It is killed at the step that STEP says.
import { setTimeout as sleep } from 'node:timers/promises';
import { byteSource } from '@image-stream/codec';
import { runProgram } from '@image-stream/program';
import { openDirectory } from '@image-stream/storage';
import type { Accepted, Sink } from '@image-stream/storage';
import { options } from '../../apps/consumer/src/options.ts';
import { run } from '../../apps/consumer/src/run.ts';

const batchSize = 10;

/** What the process that keeps the images is asked, and what it answers. */
export type Question =
  | { readonly kind: 'find'; readonly id: number; readonly key: string }
  | {
      readonly kind: 'keep';
      readonly id: number;
      readonly entries: readonly (readonly [string, Uint8Array])[];
    };
export interface Answer {
  readonly id: number;
  readonly bytes?: Uint8Array | undefined;
}

const waiting = new Map<number, (answer: Answer) => void>();
process.on('message', (answer: Answer) => {
  waiting.get(answer.id)!(answer);
  waiting.delete(answer.id);
});
process.channel!.unref();

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

async function ask(question: WithoutId<Question>): Promise<Answer> {
  step();
  const id = waiting.size === 0 ? 0 : Math.max(...waiting.keys()) + 1;
  process.channel!.ref();
  try {
    return await new Promise((resolve) => {
      waiting.set(id, resolve);
      process.send!({ ...question, id });
    });
  } finally {
    if (waiting.size === 0) {
      process.channel!.unref();
    }
  }
}

let steps = 0;

function step(): void {
  steps += 1;
  if (steps === Number(process.env['STEP'])) {
    process.kill(process.pid, 'SIGKILL');
  }
}

interface Batch extends Accepted {
  readonly entries: Map<string, Uint8Array>;
  close(): Promise<void>;
}

function createBatch(): Batch {
  const entries = new Map<string, Uint8Array>();
  let closing: Promise<void> | undefined;
  let confirm!: () => void;
  const confirmed = new Promise<void>((resolve) => (confirm = resolve));
  return {
    entries,
    durable: () => confirmed,
    close() {
      closing ??= ask({ kind: 'keep', entries: [...entries] }).then(confirm);
      return closing;
    },
  };
}

function createBatchSink(): Sink {
  let batch = createBatch();

  async function close(): Promise<void> {
    const full = batch;
    batch = createBatch();
    if (full.entries.size > 0) {
      await full.close();
    }
  }

  return {
    location: 'the memory of a test',
    async put(key, content, mode) {
      step();
      if (mode === 'create' && (await ask({ kind: 'find', key })).bytes !== undefined) {
        return undefined;
      }
      const bytes = Buffer.from(await content.read(0, content.size));
      step();
      if (mode === 'create' && batch.entries.has(key)) {
        return undefined;
      }
      const open = batch;
      open.entries.set(key, bytes);
      if (open.entries.size === batchSize) {
        void close();
      }
      return open;
    },
    async find(key) {
      const open = batch;
      const bytes = open.entries.get(key);
      if (bytes !== undefined) {
        return { content: byteSource(bytes), durable: () => open.durable() };
      }
      const kept = (await ask({ kind: 'find', key })).bytes;
      return kept && { content: byteSource(kept), durable: async () => {} };
    },
    async *list() {},
    flush: close,
    probe: async () => [],
    classify: () => undefined,
    close: async () => {},
  };
}

await runProgram({
  name: 'consumer',
  version: '0.0.0',
  summary: 'Saves images elsewhere.',
  options,
  examples: [],
  verb: 'saved',
  knownErrors: [],
  run: async (context) => {
    const summary = await run(context, async (directory) => {
      const { workspace } = await openDirectory(directory);
      return { workspace, sink: createBatchSink() };
    });
    // Whoever started it is to see each message.
    await sleep(0);
    return summary;
  },
});
