import { randomUUID } from 'node:crypto';
import { compress, inflate, isWorthCompressing, storeAsZlib } from './compression.ts';
import { CodecError } from './errors.ts';
import {
  assertIdentifier,
  assertPixelArray,
  bytesOf,
  isPixelArray,
  pixelArray,
  pixelBytes,
} from './image.ts';
import type { DecodedImage, Image, Shape } from './image.ts';
import { assertPayloadBytes, assertShape } from './limits.ts';
import type { Limits } from './limits.ts';
import type { OutgoingRecord } from './record.ts';
import { describe, fromBase64 } from './text.ts';
import { toTime } from './time.ts';

/*
 * The Python application's format. Its consumer reads this one shape only, and ignores `shape`.
 *
 *     key     a random UUID
 *     value   {"customer_id": str, "data": str, "array_id": str, "creation_time": float, "shape": [h, w, c]}
 *
 * `data` is base64 of zlib (RFC 1950) of uint8 pixels in C order, `creation_time` seconds since 1970.
 */
/** Height, width and channels of the one shape that the Python application's own consumer reads. */
export const pythonShape: Shape = [1920, 1080, 3];

/** The record of an image of uint8 pixels. */
export async function encodePythonJson(image: Image): Promise<OutgoingRecord> {
  const { content } = image;
  if (!isPixelArray(content) || content.dtype !== 'uint8') {
    const actual = isPixelArray(content) ? `${content.dtype} pixels` : content.mediaType;
    throw new CodecError(
      'INVALID_IMAGE',
      `python-json carries uint8 pixels only, not ${actual}; use the format cloudevents`,
    );
  }
  assertPixelArray(content);
  const pixels = bytesOf(content);
  const zlib = isWorthCompressing(pixels) ? await compress(pixels, 'deflate') : await storeAsZlib(pixels);
  const { customer_id, ...rest } = {
    customer_id: image.customerId,
    array_id: image.id,
    creation_time: image.createdAt.getTime() / 1000,
    shape: content.shape,
  };
  // The long string is put between its neighbours as bytes, without a second copy as text.
  const value = Buffer.concat([
    Buffer.from(`{"customer_id": ${JSON.stringify(customer_id)}, "data": "`),
    Buffer.from(zlib.toString('base64'), 'latin1'),
    Buffer.from(`", ${JSON.stringify(rest).slice(1)}`),
  ]);
  return { key: randomUUID(), value, headers: {} };
}

/** True where a JSON object has what the Python application writes. */
export function isPythonJson(message: Record<string, unknown>): boolean {
  return Object.hasOwn(message, 'array_id') && Object.hasOwn(message, 'data');
}

/** Reads what the Python application or `encodePythonJson` wrote. */
export async function decodePythonJson(
  message: Record<string, unknown>,
  limits: Required<Limits>,
): Promise<DecodedImage> {
  const { customer_id: customerId, array_id: id, creation_time: creationTime } = message;
  assertIdentifier('array_id', id);
  assertIdentifier('customer_id', customerId);
  if (typeof creationTime !== 'number') {
    throw new CodecError(
      'MALFORMED_RECORD',
      `creation_time must be a number of seconds, not ${describe(creationTime)}`,
    );
  }
  // A fraction of a second is seldom exact in binary: without rounding, some milliseconds are off by one.
  const createdAt = toTime('creation_time', Math.round(creationTime * 1000), creationTime);
  const shape = parseShape(message['shape']);
  assertShape(shape, 'uint8', limits);
  const data = fromBase64('data', message['data']);
  assertPayloadBytes(data.length, limits);
  const pixels = await inflate(data, 'deflate', pixelBytes(shape, 'uint8'));
  return { id, customerId, createdAt, content: pixelArray(shape, 'uint8', pixels) };
}

function parseShape(shape: unknown): Shape {
  if (shape === undefined || shape === null) {
    return pythonShape;
  }
  const isShape =
    Array.isArray(shape) &&
    (shape.length === 2 || shape.length === 3) &&
    shape.every((dimension) => Number.isSafeInteger(dimension) && dimension > 0);
  if (!isShape) {
    throw new CodecError(
      'MALFORMED_RECORD',
      `shape ${describe(shape)} is not [height, width] or [height, width, channels]`,
    );
  }
  return shape as unknown as Shape;
}
