import { join } from 'node:path';
import { customerFromPath } from './customer-from-path.ts';
import { listFiles } from './files.ts';
import { imageFile } from './image-file.ts';
import type { ProducerOptions } from './options.ts';
import { openSentFiles } from './sent-files.ts';
import type { Destination } from './sent-files.ts';
import { badInput } from './source.ts';
import type { Pending } from './source.ts';
import { streamImages } from './stream.ts';
import { watchFolder } from './watch.ts';

type Wanted = Pick<
  ProducerOptions,
  'customer-id' | 'customer-from-path' | 'recursive' | 'max-image-pixels' | 'watch' | 'state-file'
>;

export interface InputContext {
  /** A path as the user means it, made absolute. */
  readonly path: (path: string) => string;
  readonly destination: Destination;
  readonly signal: AbortSignal;
}

/** The images that the inputs of a command line name. */
export async function* inputImages(
  inputs: readonly string[],
  wanted: Wanted,
  { path, destination, signal }: InputContext,
): AsyncGenerator<Pending> {
  const { 'customer-id': customerId = 'default', 'customer-from-path': pattern, recursive = false } = wanted;
  const customerOf = pattern === undefined ? () => customerId : customerFromPath(pattern);
  const options = { customerOf, maxImagePixels: wanted['max-image-pixels'] };
  if (wanted.watch === true) {
    const folder = path(inputs[0]!);
    const stateFile = wanted['state-file'];
    const sent = await openSentFiles(
      stateFile === undefined ? join(folder, '.image-stream-sent') : path(stateFile),
      destination,
    );
    yield* watchFolder({ ...options, folder, recursive, sent, signal });
    return;
  }
  for await (const input of listFiles(inputs, { cwd: path('.'), recursive, signal })) {
    if (input === '-') {
      yield* streamImages(process.stdin, options, signal);
    } else if ('error' in input) {
      yield badInput(input);
    } else {
      yield imageFile(input, options);
    }
  }
}
