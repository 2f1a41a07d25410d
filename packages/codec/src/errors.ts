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

  /** @param message shortened where it is longer than 1000 characters */
  constructor(code: CodecErrorCode, message: string, options?: ErrorOptions) {
    super(shortened(message), options);
    this.code = code;
  }
}

/** Texts of strangers have megabytes; more of them helps nobody. */
const maxMessageCharacters = 1000;

/** The beginning and the end of a text that is too long for a message. */
export function shortened(text: string, length: number = maxMessageCharacters): string {
  const half = Math.floor(length / 2);
  return text.length > length ? `${text.slice(0, half)}...${text.slice(-half)}` : text;
}
