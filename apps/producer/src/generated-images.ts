import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Image } from '@image-stream/codec';
import { generateImage } from '@image-stream/image-io';
import { v7 as uuidv7 } from 'uuid';
import type { ProducerOptions } from './options.ts';

type Wanted = Pick<ProducerOptions, 'num-messages' | 'pattern'> &
  Partial<Pick<ProducerOptions, 'customer-id' | 'width' | 'height' | 'seed' | 'rate'>>;

/** As many images as asked for, at the rate asked for; ends early when `signal` aborts. */
export async function* generatedImages(wanted: Wanted, signal: AbortSignal): AsyncGenerator<Image> {
  const { pattern, width = 1080, height = 1920, seed = randomUUID(), rate } = wanted;
  const customerId = wanted['customer-id'] ?? randomUUID();
  const started = performance.now();
  for (let index = 0; index < wanted['num-messages'] && !signal.aborted; index++) {
    if (rate !== undefined && !(await waitUntil(started + (index * 1000) / rate, signal))) {
      return;
    }
    yield {
      id: uuidv7(),
      customerId,
      createdAt: new Date(),
      content: generateImage({ pattern, width, height, seed, index }),
    };
  }
}

/** @returns false when `signal` aborted the wait */
async function waitUntil(time: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(Math.max(0, time - performance.now()), undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
