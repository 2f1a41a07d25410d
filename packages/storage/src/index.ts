// Where an image belongs.
export { extensionToSave, imageKey, imageStem, safeName } from './image-key.ts';
export type { KeyRule } from './image-key.ts';

// What keeps images.
export type { Accepted, Found, Sink, SinkReader } from './sink.ts';
export { openDirectory, readDirectory } from './file-sink.ts';
export type { Directory } from './file-sink.ts';

// Space for what is not finished.
export { openWorkspace } from './workspace.ts';
export type { Workspace } from './workspace.ts';

// What can go wrong.
export { StorageError } from './errors.ts';
export type { StorageErrorCode } from './errors.ts';
export { classOfSystemError, systemErrorName, systemErrors } from './system-errors.ts';
export type { ErrorClass } from './system-errors.ts';
