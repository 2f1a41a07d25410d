/// <reference types="node" preserve="true" />
// The two verbs.
export { encodeImage } from './encode.ts';
export { decodeRecord } from './decode.ts';

// What they take and give.
export type { EncodeOptions } from './encode.ts';
export type { Decoded } from './decode.ts';
export type { HeaderValue, OutgoingRecord, ReceivedRecord } from './record.ts';
export type {
  ByteSource,
  DecodedImage,
  EncodedImage,
  Image,
  ImageAttributes,
  PixelArray,
  Shape,
  StoredImage,
} from './image.ts';
export type { Chunk } from './chunk.ts';
export type { Compression, ContentEncoding } from './compression.ts';
export { assertPayloadBytes, raise, resolveLimits, tooManyPixels } from './limits.ts';
export type { Limits } from './limits.ts';
export { CodecError } from './errors.ts';
export type { CodecErrorCode } from './errors.ts';

// For receivers that put chunks together.
export { isChunk } from './cloudevents.ts';
export { chunkKey } from './chunk.ts';
export { decodePayload, payloadStart } from './payload.ts';

// For receivers that put records aside, and for those who look at them.
export {
  deadLetterHeaders,
  deadLetterHeadroomBytes,
  deadLetterReason,
  deadLetterTopicOf,
  originalTimestamp,
  ownHeaders,
} from './dead-letter.ts';
export type { DeadLetterReason, DeadLetterStage, RecordPlace } from './dead-letter.ts';

// For programs that show a record's headers.
export { lastHeaderValue } from './headers.ts';

// For messages with texts of strangers.
export { shortened } from './errors.ts';

// For programs that offer a choice or handle pixels themselves.
export { formats } from './encode.ts';
export { compressions } from './compression.ts';
export { pythonShape } from './python-json.ts';
export { byteSource, bytesOf, isPixelArray, pixelArray } from './image.ts';
export { decodeNpy, encodeNpy, npyHeadBytes, readNpyHeader } from './npy.ts';
export type { NpyHeader } from './npy.ts';
export { npyMediaType, mediaTypeBytes, sniffMediaType, extensionOf } from './media-type.ts';
export { disguiseOf, notAnImage } from './foreign/likeness.ts';
