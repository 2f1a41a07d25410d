import type { Readable } from 'node:stream';
import { byteSource } from '@image-stream/codec';
import { inspectImage, splitFrames } from '@image-stream/image-io';
import { v7 as uuidv7 } from 'uuid';
import { badInput } from './source.ts';
import type { ImageFileOptions, Pending, Source } from './source.ts';

/** The largest image of a stream, in bytes; it is in memory. */
const maxFrameBytes = 256 * 1024 ** 2;

/** A source: `-`. */
export const standardInput: Source = {
  inputs: '- (standard input)',
  open: (_input, context) => streamImages(process.stdin, context, context.signal),
};

/** The images of a stream such as standard input, one after the other, each as soon as it is there. */
async function* streamImages(
  stream: Readable,
  options: ImageFileOptions,
  signal: AbortSignal,
): AsyncGenerator<Pending> {
  signal.addEventListener('abort', () => stream.destroy(), { once: true });
  let isEmpty = true;
  try {
    for await (const frame of splitFrames(stream, maxFrameBytes)) {
      isEmpty = false;
      const name = `image ${frame.number} of standard input, at byte ${frame.start},`;
      if ('error' in frame) {
        yield badInput({ path: name, error: frame.error });
        continue;
      }
      const { bytes } = frame;
      const createdAt = new Date();
      const load: Pending['load'] = async () => {
        const { mediaType } = await inspectImage(byteSource(bytes), options);
        const customerId = options.customerOf('-');
        return { id: uuidv7(), customerId, createdAt, content: { mediaType, bytes } };
      };
      yield { name, bytes: bytes.length, load };
    }
    if (isEmpty && !signal.aborted) {
      const error = new Error('it ended without an image; look at the program that should have written one');
      yield badInput({ path: 'standard input', error });
    }
  } catch (error) {
    if (!signal.aborted) {
      yield badInput({ path: 'the rest of standard input', error: error as Error });
    }
  }
}
