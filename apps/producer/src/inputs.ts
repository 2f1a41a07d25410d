import { customerFromPath } from './customer-from-path.ts';
import { listFiles } from './files.ts';
import { imageFile } from './image-file.ts';
import type { ProducerOptions } from './options.ts';
import type { Pending } from './source.ts';
import { streamImages } from './stream.ts';

type Wanted = Pick<ProducerOptions, 'customer-id' | 'customer-from-path' | 'recursive' | 'max-image-pixels'>;

/** The images that the inputs of a command line name. */
export async function* inputImages(
  inputs: readonly string[],
  wanted: Wanted,
  { cwd, signal }: { readonly cwd: string; readonly signal: AbortSignal },
): AsyncGenerator<Pending> {
  const { 'customer-id': customerId = 'default', 'customer-from-path': pattern, recursive = false } = wanted;
  const customerOf = pattern === undefined ? () => customerId : customerFromPath(pattern);
  const options = { customerOf, maxImagePixels: wanted['max-image-pixels'] };
  for await (const input of listFiles(inputs, { cwd, recursive })) {
    if (input === '-') {
      yield* streamImages(process.stdin, options, signal);
    } else if ('error' in input) {
      const { path, error } = input;
      yield { name: path, bytes: 0, load: () => Promise.reject(error) };
    } else {
      yield imageFile(input, options);
    }
  }
}
