import { randomUUID } from 'node:crypto';
import { generateImage } from '@image-stream/image-io';
import { v7 as uuidv7 } from 'uuid';
import type { ProducerOptions } from './options.ts';
import type { Pending } from './source.ts';

type Wanted = Pick<ProducerOptions, 'pattern'> &
  Partial<Pick<ProducerOptions, 'customer-id' | 'width' | 'height' | 'seed'>>;

/** Images without end, of the kind that was asked for. */
export function* generatedImages(wanted: Wanted): Generator<Pending> {
  const { pattern, width = 1080, height = 1920, seed = randomUUID() } = wanted;
  const customerId = wanted['customer-id'] ?? randomUUID();
  for (let index = 0; ; index++) {
    const id = uuidv7();
    yield {
      name: `image ${id}`,
      bytes: width * height * 3,
      load: async () => ({
        id,
        customerId,
        createdAt: new Date(),
        content: generateImage({ pattern, width, height, seed, index }),
      }),
    };
  }
}
