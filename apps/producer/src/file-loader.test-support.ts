import type { FileLoader } from './file-loader.ts';
import { loadFile, sizeOfFile } from './load-file.ts';
import type { LoadOptions } from './load-file.ts';

/** What the threads do, on this one: a thread takes only a program that is built. */
export function filesHere(options: LoadOptions = {}): FileLoader {
  return {
    size: async (path) => sizeOfFile(path),
    load: (path) => loadFile(path, options),
    close: async () => {},
  };
}
