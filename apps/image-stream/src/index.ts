/// <reference types="node" preserve="true" />
// The two verbs.
export { receive } from './receive.ts';
export { send } from './send.ts';

// What they take and give.
export type { BadRecord, ReceiveOptions } from './receive.ts';
export { isPixelArray } from './received-image.ts';
export type { ReceivedFile, ReceivedImage } from './received-image.ts';
export type { ImageToSend, SendOptions, SendSummary } from './send.ts';
export type { KafkaOptions, Logger } from './options.ts';
export type {
  ByteSource,
  HeaderValue,
  ImageAttributes,
  PixelArray,
  ReceivedRecord,
  Shape,
} from '@image-stream/codec';
export type { Encoding } from '@image-stream/image-io';

// What they throw.
export { ImageStreamError } from './errors.ts';
export type { ImageStreamErrorCode } from './errors.ts';
export { KafkaConfigError } from '@image-stream/kafka-config';
export type { KafkaConfigErrorCode } from '@image-stream/kafka-config';
export { CodecError } from '@image-stream/codec';
export type { CodecErrorCode } from '@image-stream/codec';
export { ImageIoError } from '@image-stream/image-io';
export type { ImageIoErrorCode } from '@image-stream/image-io';
