// Images in.
export { generateImage, patterns } from './generate.ts';
export type { GenerateOptions, Pattern } from './generate.ts';

// Files, piece by piece.
export { inspectImage } from './inspect.ts';
export type { ImageInfo } from './inspect.ts';
export { splitFrames } from './frames.ts';
export { fileSource, pieces, sameBytes, sha256Of } from './file-source.ts';

// From one encoding to another.
export { decodePixels, encodings, isLossless, samePixels, transcode } from './transcode.ts';
export type { Encoding, TranscodeOptions } from './transcode.ts';

// Images out.
export { imagePath, safeName } from './path.ts';
export { openImageStore } from './store.ts';
export type { ImageStore, SameContent, Saved } from './store.ts';

export { ImageIoError } from './errors.ts';
export type { ImageIoErrorCode } from './errors.ts';
