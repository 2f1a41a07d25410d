import type { Image } from '@image-stream/codec';
import type { InspectOptions } from '@image-stream/image-io';
import type { S3Settings } from '@image-stream/storage';
import type { FileLoader } from './file-loader.ts';
import type { SentFiles } from './sent-files.ts';

/** Where images come from. */
export interface Source {
  /** The inputs that it opens, for messages. */
  readonly inputs: string;
  /** The images that an input names. What it throws is reported as the input's own failure, and the next input is opened. */
  open(input: string, context: SourceContext): AsyncIterable<Pending>;
  /** The same, and then those that come, until the signal. Absent where nothing can be waited for. */
  watch?(input: string, context: SourceContext): AsyncIterable<Pending>;
}

/** How the images of a source become ours. */
export interface ImageFileOptions extends InspectOptions {
  /** Whose image it is, from its path, or as it was noted where it comes from. */
  readonly customerOf: (relativePath: string, noted?: string) => string;
  /** Of a file. */
  readonly maxImageBytes?: number | undefined;
}

/** What the command line says to every source. */
export interface SourceContext extends ImageFileOptions {
  /** A path as the user means it, made absolute. */
  readonly path: (path: string) => string;
  /** Loads the files. */
  readonly files: FileLoader;
  /** Whether to enter the folders within a folder. */
  readonly recursive: boolean;
  /** Where the object store of `s3:` inputs is. */
  readonly s3: S3Settings;
  /** Opens the note of what a watched folder has sent. */
  readonly sentFiles: (folder: string) => Promise<SentFiles>;
  /** Where a watch notes the files that wait to become whole, and what they lack. */
  readonly incomplete: Map<string, string>;
  /** Tells people what is no failure. */
  readonly warn: (message: string) => void;
  /** Ends the source. */
  readonly signal: AbortSignal;
}

/** An image that is on its way in: it is made or read when there is room for it. */
export interface Pending {
  /** What a person knows it by, for messages. */
  readonly name: string;
  /** Bytes that it takes in memory. */
  readonly bytes: number;
  /** @throws Error when it cannot be read, or is no image */
  readonly load: () => Promise<Image>;
  /** Called once the whole image is acknowledged. */
  readonly acknowledged?: () => Promise<void>;
  /** Called when it could not be sent. @returns whether it will be tried again */
  readonly failed?: (error: Error) => boolean;
  /** Called when the image is needed no more, whatever became of it. */
  readonly dispose?: () => Promise<void>;
  /** True where it has failed before, and was counted then. */
  readonly isAgain?: boolean;
}

/** What cannot be read, so that it is reported like an image that cannot be. */
export function badInput({ path, error }: { readonly path: string; readonly error: Error }): Pending {
  return { name: path, bytes: 0, load: () => Promise.reject(error) };
}
