// The threads of `createFileLoader`.
import { parentPort, workerData } from 'node:worker_threads';
import type { Batch, Outcome, Task } from './file-loader.ts';
import { loadFile, sizeOfFile } from './load-file.ts';
import type { LoadOptions } from './load-file.ts';

const options = workerData as LoadOptions;

parentPort!.on('message', async ({ id, tasks }: Batch) => {
  const outcomes: Outcome[] = [];
  for (const task of tasks) {
    outcomes.push(await outcomeOf(task));
  }
  // Handed over, not copied.
  const memory = outcomes.flatMap(({ loaded }) => loaded?.image?.bytes.buffer ?? []);
  parentPort!.postMessage({ id, outcomes }, memory as ArrayBuffer[]);
});

async function outcomeOf({ kind, path }: Task): Promise<Outcome> {
  try {
    return kind === 'size' ? { size: sizeOfFile(path) } : { loaded: await loadFile(path, options) };
  } catch (error) {
    return { failure: { error: error as Error, properties: Object.assign({}, error) } };
  }
}
