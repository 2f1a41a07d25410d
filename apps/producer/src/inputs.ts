import { UsageError } from '@image-stream/program';
import { localFiles } from './files.ts';
import { objects } from './objects.ts';
import { badInput } from './source.ts';
import type { Pending, Source, SourceContext } from './source.ts';
import { standardInput } from './stream.ts';

/** Every source, by the scheme of what it opens. A path without a scheme is a file's. */
const sources: Readonly<Record<string, Source>> = {
  '-': standardInput,
  file: localFiles,
  s3: objects,
};

/** The images that inputs name, one input after the other; with `isWatched`, those that come as well. */
export async function* inputImages(
  inputs: readonly string[],
  isWatched: boolean,
  context: SourceContext,
): AsyncGenerator<Pending> {
  for (const input of inputs) {
    if (context.signal.aborted) {
      return;
    }
    try {
      const source = sourceOf(input);
      yield* isWatched ? source.watch!(input, context) : source.open(input, context);
    } catch (error) {
      if (error instanceof UsageError) {
        throw error;
      }
      yield badInput({ path: input, error: error as Error });
    }
  }
}

/**
 * That every input can be opened, before the first one is.
 *
 * @throws UsageError for a scheme that nothing opens, and for standard input twice
 */
export function assertInputs(inputs: readonly string[]): void {
  const streams = inputs.filter((input) => sourceOf(input) === standardInput);
  if (streams.length > 1) {
    throw new UsageError(`- is given ${streams.length} times, but standard input can be read only once`);
  }
}

/**
 * What opens an input.
 *
 * @throws UsageError for a scheme that nothing opens
 */
export function sourceOf(input: string): Source {
  const scheme =
    input === '-' ? input : (/^([a-z][a-z\d+.-]+):\/\//i.exec(input)?.[1]?.toLowerCase() ?? 'file');
  const source = Object.hasOwn(sources, scheme) ? sources[scheme] : undefined;
  if (source === undefined) {
    const known = Object.values(sources).map(({ inputs }) => inputs);
    throw new UsageError(`'${input}' cannot be opened: ${scheme}:// is none of ${known.join(', ')}`);
  }
  return source;
}
