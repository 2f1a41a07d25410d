// What the library is built of; the program itself is in program.ts.
export { sendImages } from './run.ts';
export type { Sending } from './run.ts';
export { sourcesOf } from './settings.ts';
export type { Pending } from './source.ts';
export { createFileLoader } from './file-loader.ts';
export { inputFile } from './files.ts';
export { imageFile } from './image-file.ts';
export { inspectBytes } from './load-file.ts';
