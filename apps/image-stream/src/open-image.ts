import { Readable } from 'node:stream';
import { byteSource, isPixelArray } from '@image-stream/codec';
import type { ByteSource, DecodedImage, Limits } from '@image-stream/codec';
import { openAssembled } from '@image-stream/consumer';
import type { AssembledImage } from '@image-stream/consumer';
import { ImageIoError, inspectImage, pieces } from '@image-stream/image-io';
import type { Origin } from '@image-stream/storage';
import type { ReceivedFile, ReceivedImage } from './received-image.ts';

/** What is in memory at once when all bytes are asked for. */
const maxBytes = 1024 ** 3;

/** An image as the loop gets it. @throws CodecError and ImageIoError where it is none */
export async function openImage(
  image: DecodedImage | AssembledImage,
  { topic, partition, offset }: Origin,
  limits: Limits,
): Promise<ReceivedImage> {
  const { id, customerId, createdAt, source, filename } = image;
  const content = 'file' in image ? await openAssembled(image, limits) : image.content;
  return {
    id,
    customerId,
    createdAt,
    ...(source !== undefined && { source }),
    ...(filename !== undefined && { filename }),
    ...('remark' in image && image.remark !== undefined && { remark: image.remark }),
    content: isPixelArray(content)
      ? content
      : await receivedFile('source' in content ? content.source : byteSource(content.bytes), limits),
    topic,
    partition,
    offset,
  };
}

async function receivedFile(source: ByteSource, limits: Limits): Promise<ReceivedFile> {
  const { size } = source;
  const { mediaType, width, height } = await inspectImage(source, limits);
  const read = (start: number, end: number): Promise<Uint8Array> => source.read(start, end);
  return {
    mediaType,
    width,
    height,
    size,
    read,
    async bytes() {
      if (size > maxBytes) {
        throw new ImageIoError(
          'LIMIT_EXCEEDED',
          `an image of ${size} bytes exceeds the ${maxBytes} that are held in memory; use stream() or read()`,
        );
      }
      return read(0, size);
    },
    stream: () => Readable.from(pieces(source), { objectMode: false }),
  };
}
