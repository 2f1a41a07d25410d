// The two verbs.
export { encodeImage } from './encode.ts';
export { decodeRecord } from './decode.ts';

// What they take and give.
export type { EncodeOptions } from './encode.ts';
export type { Decoded } from './decode.ts';
export type { OutgoingRecord, ReceivedRecord } from './record.ts';
export type { EncodedImage, Image, PixelArray, Shape } from './image.ts';
export type { Compression } from './compression.ts';
export type { Limits } from './limits.ts';
export { CodecError } from './errors.ts';
export type { CodecErrorCode } from './errors.ts';

// For programs that offer a choice or handle pixels themselves.
export { formats } from './encode.ts';
export { compressions, isWorthCompressing } from './compression.ts';
export { pythonShape } from './python-json.ts';
export { bytesOf, isPixelArray, pixelArray } from './image.ts';
export { encodeNpy } from './npy.ts';
export { npyMediaType, sniffMediaType, extensionOf } from './media-type.ts';
