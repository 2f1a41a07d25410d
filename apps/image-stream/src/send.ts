import { resolve } from 'node:path';
import { inspect } from 'node:util';
import type { ByteSource, Image, ImageAttributes, PixelArray } from '@image-stream/codec';
import { ImageIoError, inspectImage } from '@image-stream/image-io';
import type { Encoding } from '@image-stream/image-io';
import { unlessAborted } from '@image-stream/kafka-client';
import { loadProperties } from '@image-stream/kafka-config';
import {
  createFileLoader,
  imageFile,
  inputFile,
  inspectBytes,
  sendImages,
  sourcesOf,
} from '@image-stream/producer';
import type { Pending } from '@image-stream/producer';
import { oneLine } from '@image-stream/program';
import { v7 as uuidv7 } from 'uuid';
import { ImageStreamError } from './errors.ts';
import type { KafkaOptions } from './options.ts';
import { assertNumbers, givenBy, limitsOf, loggerOf, noProgress } from './settings.ts';

/** An image to send. */
export interface ImageToSend extends Partial<ImageAttributes> {
  /** Unique within the customer. Default: of a file, what follows from its path, time and content; else a new UUIDv7. */
  readonly id?: string;
  /** Whose image it is. Default: `default`. */
  readonly customerId?: string;
  /** When it was made. Default: when the file was changed; else now. */
  readonly createdAt?: Date;
  /**
   * Pixels as `numpy.ndarray` has them; the bytes of an image file; the path of one; or one that is read while it travels, such as the
   * content of a received image.
   */
  readonly content: PixelArray | { readonly bytes: Uint8Array } | { readonly path: string } | ByteSource;
}

/** What `send` can be told. */
export interface SendOptions extends KafkaOptions {
  /** What images are encoded as; `original` keeps files as they are, and pixels as they are in NPY. Default: `original`. */
  readonly encoding?: 'original' | Encoding | undefined;
  /** Of NPY. Default: `auto`, what pays on a sample. */
  readonly compression?: 'auto' | 'none' | 'deflate' | undefined;
  /** Of `jpeg`, `webp` and `avif`, 1 to 100. Default: 80, of `avif` 50. */
  readonly quality?: number | undefined;
  /** Shrinks what is larger to fit inside. */
  readonly resize?: { readonly width: number; readonly height: number } | undefined;
  /** Partitions of a topic that does not exist yet. Default: the broker's. */
  readonly partitions?: number | undefined;
  /** Called when an image is acknowledged, with the id that it has; what it throws ends `send`. */
  readonly onSent?: ((image: ImageToSend, id: string) => void | Promise<void>) | undefined;
  /** Called for an image that could not be read, encoded or delivered; the others go on. Default: the first one ends `send`. */
  readonly onFailed?: ((image: ImageToSend, error: Error) => void) | undefined;
}

/** What `send` came to. */
export interface SendSummary {
  /** How many images are acknowledged. */
  readonly images: number;
  /** How many are not: `onFailed` was told of each. */
  readonly failed: number;
  /** Bytes of the images. */
  readonly payloadBytes: number;
  /** Bytes of the records' keys and values. */
  readonly wireBytes: number;
}

/**
 * Sends images, several at once within `maxInFlightBytes`, and resolves when all of them are acknowledged. An image is taken from `images`
 * when there is room for it.
 *
 * By default an image is acknowledged when the leader of its partition has it; with `acks: 'all'` among the `properties`, when every
 * in-sync replica has it. One that is not acknowledged within `delivery.timeout.ms` (5 minutes) has failed.
 *
 * @example
 * ```ts
 * await send([{ content: { path: 'scan.tiff' } }, { id: 'frame-1', content: { shape: [480, 640, 3], dtype: 'uint8', data } }], {
 *   topic: 'scans',
 *   properties: { 'bootstrap.servers': 'kafka-1:9092', acks: 'all' },
 * });
 * ```
 * @throws KafkaConfigError when Kafka cannot be reached, or refuses; ImageStreamError for options that are not allowed, and for the first
 * image that failed, unless there is `onFailed`; what `images` and `onSent` throw. What is in flight then is acknowledged first
 */
export async function send(
  images: Iterable<ImageToSend> | AsyncIterable<ImageToSend>,
  options: SendOptions = {},
): Promise<SendSummary> {
  assertNumbers(options, ['maxInFlightBytes', 'maxImageBytes', 'maxImagePixels', 'quality', 'partitions']);
  const properties = await loadProperties(sourcesOf(givenBy(options)), loggerOf(options));
  const limits = limitsOf(options);
  const files = createFileLoader(limits);
  const stopping = new AbortController();
  const signal = AbortSignal.any([
    stopping.signal,
    ...(options.signal === undefined ? [] : [options.signal]),
  ]);
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    failure ??= { error };
    stopping.abort();
  };

  async function* pendings(): AsyncGenerator<Pending> {
    try {
      for await (const image of untilAborted(images, signal)) {
        yield await pending(image);
      }
    } catch (error) {
      fail(error);
    }
  }

  async function pending(image: ImageToSend): Promise<Pending> {
    const loading = await contentOf(image, { files, ...limits });
    let id = image.id ?? '';
    return {
      name: loading.name,
      bytes: loading.bytes,
      async load() {
        const loaded = await loading.load();
        ({ id } = loaded);
        return loaded;
      },
      acknowledged: async () => {
        try {
          await options.onSent?.(image, id);
        } catch (error) {
          fail(error);
        }
      },
      failed(error) {
        if (options.onFailed === undefined) {
          const message = `${oneLine(loading.name)} was not sent: ${oneLine(error.message)}`;
          fail(new ImageStreamError('NOT_SENT', message, { cause: error }));
        } else {
          try {
            options.onFailed(image, error);
          } catch (thrown) {
            fail(thrown);
          }
        }
        return false;
      },
    };
  }

  try {
    const {
      images: sent,
      failed,
      payloadBytes,
      wireBytes,
    } = await sendImages({
      values: {
        topic: options.topic ?? 'data-stream',
        format: 'cloudevents',
        encoding: options.encoding ?? 'original',
        compression: options.compression,
        quality: options.quality,
        resize: options.resize,
        'max-image-pixels': options.maxImagePixels,
        partitions: options.partitions,
      },
      properties,
      imagesTo: pendings,
      what: 'images',
      maxInFlightBytes: options.maxInFlightBytes,
      incomplete: new Map(),
      undelivered: new Set(),
      logger: loggerOf(options),
      progress: noProgress,
    });
    if (failure !== undefined) {
      throw failure.error;
    }
    return { images: sent, failed, payloadBytes, wireBytes };
  } finally {
    await files.close();
  }
}

interface Loading extends Pick<Pending, 'name' | 'bytes'> {
  load(): Promise<Image>;
}

/** What an image takes, and what makes it ours when there is room. */
async function contentOf(
  { content, ...wanted }: ImageToSend,
  context: ReturnType<typeof limitsOf> & { readonly files: ReturnType<typeof createFileLoader> },
): Promise<Loading> {
  if (!isContent(content)) {
    const wants = 'the path of a file, the bytes of one, pixels, or what can be read';
    const error = new ImageIoError('INVALID_IMAGE', `its content is not ${wants}, but ${shown(content)}`);
    return { name: `image ${wanted.id ?? 'without an id'}`, bytes: 0, load: () => Promise.reject(error) };
  }
  if ('path' in content) {
    const path = resolve(content.path);
    const size = await context.files.size(path);
    const options = { ...context, customerOf: () => wanted.customerId ?? 'default' };
    const file = imageFile(inputFile(path, process.cwd()), options, size);
    return { ...file, load: async () => ({ ...(await file.load()), ...given(wanted) }) };
  }
  const { id = uuidv7(), customerId = 'default', createdAt = new Date() } = wanted;
  const attributes = { ...given(wanted), id, customerId, createdAt };
  const of = (bytes: number, load: () => Promise<Image['content']>): Loading => ({
    name: `image ${id}`,
    bytes,
    load: async () => ({ ...attributes, content: await load() }),
  });
  if ('shape' in content) {
    return of(content.data.byteLength, async () => content);
  }
  if ('read' in content) {
    // Read while it travels.
    return of(Math.min(content.size, streamedBytes), async () => {
      const { mediaType } = await inspectImage(content, context);
      return { mediaType, source: content };
    });
  }
  const { bytes } = content;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return of(buffer.length, () => inspectBytes(buffer, context));
}

/** Whether it is what its type says, for those who have no compiler to tell them. */
function isContent(content: unknown): content is ImageToSend['content'] {
  if (typeof content !== 'object' || content === null) {
    return false;
  }
  const { path, bytes, shape, dtype, data, size, read } = content as Record<string, unknown>;
  if (shape !== undefined) {
    const width = dtype === 'uint8' ? 1 : dtype === 'uint16' ? 2 : 0;
    return Array.isArray(shape) && (data as Uint8Array | undefined)?.BYTES_PER_ELEMENT === width;
  }
  return (
    typeof path === 'string' ||
    (typeof read === 'function' && Number.isSafeInteger(size)) ||
    bytes instanceof Uint8Array
  );
}

function shown(content: unknown): string {
  return inspect(content, { depth: 0, maxArrayLength: 3, maxStringLength: 100, breakLength: Infinity });
}

/** What an image in chunks takes of the memory. */
const streamedBytes = 16 * 1024 ** 2;

/** What was said; `undefined` says nothing. */
function given<T extends object>(wanted: T): T {
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)) as T;
}

/** The items until a signal, also while the next one is waited for. */
async function* untilAborted<T>(
  items: Iterable<T> | AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let isOver = false;
  try {
    while (!signal.aborted) {
      const next = await unlessAborted(signal, Promise.resolve(iterator.next()));
      isOver = next?.done === true;
      if (next === undefined || next.done === true) {
        return;
      }
      yield next.value;
    }
  } catch (error) {
    isOver = true;
    throw error;
  } finally {
    if (!isOver) {
      // Not waited for: a generator answers only after what it waits for itself.
      Promise.resolve(iterator.return?.()).catch(() => {});
    }
  }
}
