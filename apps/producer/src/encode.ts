import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CodecError,
  encodeImage,
  isPixelArray,
  pythonShape,
  resolveLimits,
  tooManyPixels,
} from '@image-stream/codec';
import type { Image, OutgoingRecord, Shape } from '@image-stream/codec';
import {
  decodePixels,
  encodingNeeded,
  fileSource,
  ImageIoError,
  transcode,
  transcodeToFile,
} from '@image-stream/image-io';
import { counted } from '@image-stream/program';
import type { Logger } from '@image-stream/program';
import type { ProducerOptions } from './options.ts';
import type { RecordLimit } from './record-limit.ts';

export interface EncoderOptions extends Pick<
  ProducerOptions,
  'format' | 'compression' | 'quality' | 'resize' | 'max-image-pixels'
> {
  readonly encoding: NonNullable<ProducerOptions['encoding']>;
  readonly limit: RecordLimit;
  readonly logger: Pick<Logger, 'warn'>;
}

/** What raises the limits, for messages. */
export const raisedBy = {
  maxImageBytes: '--max-image-bytes, of the consumer too,',
  maxImagePixels: '--max-image-pixels, of the consumer too,',
};

/** Of pixels, and of what is no file yet; as `decodeRecord` has it. */
const { maxImagePixels: defaultMaxPixels } = resolveLimits();

/** Why the consumer would refuse pixels of a shape, unless it is told otherwise; undefined where it takes them. */
export function pixelsProblem(
  [height, width]: Shape,
  maxImagePixels: number = defaultMaxPixels,
): string | undefined {
  return height * width > maxImagePixels
    ? tooManyPixels(width, height, maxImagePixels, { raisedBy })
    : undefined;
}

/** Turns an image into records, in the encoding and format that were asked for. */
export type Encoder = (image: Image) => AsyncGenerator<OutgoingRecord>;

export function createEncoder(options: EncoderOptions): Encoder {
  const { format, compression = 'auto', limit, logger } = options;
  let isWarned = false;

  return async function* encode(image) {
    const { content, dispose } = await recoded(image.content, options);
    try {
      const problem = isPixelArray(content)
        ? pixelsProblem(content.shape, options['max-image-pixels'])
        : undefined;
      if (problem !== undefined) {
        throw new ImageIoError('LIMIT_EXCEEDED', problem);
      }
      if (format === 'python-json' && !isWarned && isPixelArray(content) && isForeign(content.shape)) {
        isWarned = true;
        warnOfShape(content.shape, logger);
      }
      yield* encodeImage({ ...image, content }, { format, compression, maxRecordBytes: limit.bytes });
    } catch (error) {
      const isTooLarge = error instanceof CodecError && error.code === 'LIMIT_EXCEEDED';
      throw isTooLarge ? new Error(`${error.message}; raise ${limit.setting}`, { cause: error }) : error;
    } finally {
      await dispose();
    }
  };
}

interface Recoded {
  readonly content: Image['content'];
  /** Removes what was made for it on disk. */
  readonly dispose: () => Promise<void>;
}

const nothing = async (): Promise<void> => {};

/** The content in another encoding, where it has to be; what came from a file goes to a file. */
async function recoded(
  content: Image['content'],
  { format, encoding, quality, resize, 'max-image-pixels': maxImagePixels }: EncoderOptions,
): Promise<Recoded> {
  const options = { quality, resize, maxImagePixels, raisedBy };
  if (format === 'python-json' || encoding === 'npy') {
    return { content: await decodePixels(content, options), dispose: nothing };
  }
  const needed = await encodingNeeded(content, encoding, options);
  if (needed === undefined) {
    return { content, dispose: nothing };
  }
  if (isPixelArray(content) || !('source' in content)) {
    return { content: await transcode(content, needed, options), dispose: nothing };
  }
  const file = join(tmpdir(), `image-stream-${randomUUID()}`);
  const dispose = (): Promise<void> => rm(file, { force: true });
  try {
    const { mediaType } = await transcodeToFile(content, needed, file, options);
    return { content: { mediaType, source: await fileSource(file) }, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function isForeign(shape: Shape): boolean {
  return shape.join() !== pythonShape.join();
}

function warnOfShape([height, width, channels = 1]: Shape, logger: Pick<Logger, 'warn'>): void {
  logger.warn(
    `the Python application reads ${pythonShape[1]} x ${pythonShape[0]} only; it will not show ${width} x ${height}` +
      (channels === 3 ? '' : ` of ${counted(channels, 'channel')}`),
  );
}
