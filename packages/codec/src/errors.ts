/**
 * Why a record or an image was refused.
 *
 * - `UNRECOGNIZED_FORMAT`: the record is in none of the formats that this package reads.
 * - `MALFORMED_RECORD`: the format is known, but a part of it is missing or not of its form.
 * - `UNSUPPORTED`: well formed, but of a type, encoding or dtype that is not read.
 * - `LIMIT_EXCEEDED`: larger than a limit allows; found before memory is allocated for it.
 * - `CORRUPT_PAYLOAD`: the bytes do not match their declared size, hash or checksum.
 * - `INVALID_IMAGE`: an image handed in for encoding contradicts itself or cannot travel in the format.
 */
export type CodecErrorCode =
  | 'UNRECOGNIZED_FORMAT'
  | 'MALFORMED_RECORD'
  | 'UNSUPPORTED'
  | 'LIMIT_EXCEEDED'
  | 'CORRUPT_PAYLOAD'
  | 'INVALID_IMAGE';

/** The only error that this package throws on bad input. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
  /** Stable, for programs; the message is for people. */
  readonly code: CodecErrorCode;

  constructor(code: CodecErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
