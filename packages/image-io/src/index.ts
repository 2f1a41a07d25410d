/// <reference types="node" preserve="true" />
// Images in.
export { generateImage, patterns } from './generate.ts';
export type { GenerateOptions, Pattern } from './generate.ts';

// Files, piece by piece.
export { inspectImage } from './inspect.ts';
export type { ImageInfo, InspectOptions } from './inspect.ts';
export { splitFrames } from './frames.ts';
export type { DamagedFrame, Frame } from './frames.ts';
export {
  fileSource,
  isFileSource,
  openFile,
  pieces,
  readFileHere,
  readFully,
  sameBytes,
  sha256Of,
} from './file-source.ts';
export type { FileSource } from './file-source.ts';

// From one encoding to another.
export {
  decodePixels,
  encodingNeeded,
  isLarger,
  samePixels,
  transcode,
  transcodeToFile,
} from './transcode.ts';
export type { Size, TranscodeOptions } from './transcode.ts';
export { encodingOf, encodings, encodingSynonyms, isLossless, mediaTypeOf } from './encodings.ts';
export type { Encoding } from './encodings.ts';

// What a record holds, for people.
export { describeRecord } from './describe.ts';
export type { RecordDescription } from './describe.ts';
export { previewOf, thumbnailOf } from './preview.ts';
export type { PreviewOptions } from './preview.ts';

// What an image file was made from.
export { addMadeFrom, readMadeFrom, sha256OfPixels, madeFromSha256, withMadeFrom } from './made-from.ts';
export type { MadeFrom } from './made-from.ts';

export { ImageIoError } from './errors.ts';
export type { ImageIoErrorCode } from './errors.ts';
