import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { CodecError } from './errors.ts';
import { headerText } from './headers.ts';
import type { Headers } from './headers.ts';
import { likenessOf } from './foreign/likeness.ts';
import { counted, describe } from './text.ts';

/** What a `content-encoding` header can say: zlib (RFC 1950), gzip (RFC 1952), Brotli (RFC 7932). */
export type ContentEncoding = 'deflate' | 'gzip' | 'br';

/** How pixels are compressed: `auto` deflates where a sample shows that it pays. */
export const compressions = ['auto', 'none', 'deflate', 'gzip', 'br'] as const;
/** One of `compressions`. */
export type Compression = (typeof compressions)[number];

const codecs = {
  deflate: {
    compress: promisify(zlib.deflate),
    inflate: promisify(zlib.inflate),
    stream: zlib.createInflate,
  },
  gzip: { compress: promisify(zlib.gzip), inflate: promisify(zlib.gunzip), stream: zlib.createGunzip },
  br: {
    // Node's default quality of 11 takes minutes for an image; 4 is faster and smaller than deflate.
    compress: (bytes: Uint8Array, options: { chunkSize: number }) =>
      promisify(zlib.brotliCompress)(bytes, {
        ...options,
        params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 },
      }),
    inflate: promisify(zlib.brotliDecompress),
    stream: zlib.createBrotliDecompress,
  },
} as const;

/** Deflate cannot do better than 258 bytes in 2 bits: https://zlib.net/zlib_tech.html */
const maxDeflateRatio = 1032;

/**
 * The encoding that a record's headers name; in any case, and `x-gzip` for `gzip`, as in HTTP:
 * https://www.rfc-editor.org/rfc/rfc9110#name-content-codings
 *
 * @throws CodecError `UNSUPPORTED` for any other
 */
export function contentEncodingOf(headers: Headers): ContentEncoding | undefined {
  const text = headerText(headers, 'content-encoding') ?? '';
  const name = text
    .trim()
    .toLowerCase()
    .replace(/^x-gzip$/, 'gzip');
  if (name === '' || name === 'identity') {
    return undefined;
  }
  if (!Object.hasOwn(codecs, name)) {
    throw new CodecError(
      'UNSUPPORTED',
      `content-encoding ${describe(text)} is not one of ${Object.keys(codecs).join(', ')}`,
    );
  }
  return name as ContentEncoding;
}

/** Compresses off the main thread. */
export async function compress(bytes: Uint8Array, encoding: ContentEncoding): Promise<Buffer> {
  return codecs[encoding].compress(bytes, inLargePieces(bytes));
}

/** A zlib stream of stored blocks: the form that costs next to nothing where compression does not pay. */
export async function storeAsZlib(bytes: Uint8Array): Promise<Buffer> {
  return promisify(zlib.deflate)(bytes, { level: 0, ...inLargePieces(bytes) });
}

/** What comes out is made in another thread piece by piece; with Node's pieces of 16 KiB, the trips take most of the time. */
function inLargePieces({ length }: Uint8Array): { chunkSize: number } {
  return { chunkSize: Math.min(Math.max(1024, length), 1024 ** 2) };
}

/**
 * Whether deflate makes a payload at least a tenth smaller, judged by samples of 4 KiB from its
 * beginning, middle and end. Noise is not worth it; nearly everything else is.
 */
export function isWorthCompressing(bytes: Uint8Array): boolean {
  const sampleBytes = 4096;
  const last = Math.max(0, bytes.length - sampleBytes);
  const sample = Buffer.concat(
    [0, last >> 1, last].map((start) => bytes.subarray(start, start + sampleBytes)),
  );
  return zlib.deflateSync(sample, { level: 1 }).length < sample.length * 0.9;
}

/**
 * Inflates to exactly `size` bytes, off the main thread and into one buffer.
 *
 * @throws CodecError `CORRUPT_PAYLOAD` when the data is damaged or inflates to another size; no
 * more than `size` bytes are ever produced
 */
export async function inflate(bytes: Uint8Array, encoding: ContentEncoding, size: number): Promise<Buffer> {
  let inflated;
  try {
    // One byte more than needed lets zlib see the end without asking for a second buffer. A size
    // that deflate could not reach is a lie, and nothing is allocated for it.
    const chunkSize = Math.max(64, Math.min(size + 1, bytes.length * maxDeflateRatio));
    inflated = await codecs[encoding].inflate(bytes, { maxOutputLength: size, chunkSize });
  } catch (error) {
    throw corrupt(bytes, encoding, size, error);
  }
  if (inflated.length !== size) {
    throw new CodecError(
      'CORRUPT_PAYLOAD',
      `${encoding} data inflates to ${counted(inflated.length, 'byte')}, not ${size}`,
    );
  }
  return inflated;
}

/** The first `size` bytes of what the data inflates to, or all of it where that is less. */
export async function inflateHead(
  bytes: Uint8Array,
  encoding: ContentEncoding,
  size: number,
): Promise<Buffer> {
  const stream = codecs[encoding].stream({ chunkSize: Math.max(64, size) });
  stream.end(bytes);
  try {
    for await (const chunk of stream) {
      return chunk as Buffer;
    }
  } catch (error) {
    throw corrupt(bytes, encoding, size, error);
  }
  return Buffer.alloc(0);
}

/** Pieces of what comes out: what is inflated without its size being known is not allocated before it is there. */
const pieceBytes = 1024 ** 2;

/**
 * Inflates to whatever size it has, off the main thread.
 *
 * @param limit no more bytes are produced
 * @returns undefined where there are more
 * @throws CodecError `CORRUPT_PAYLOAD` when the data is damaged
 */
export async function inflateUpTo(
  bytes: Uint8Array,
  encoding: ContentEncoding,
  limit: number,
): Promise<Buffer | undefined> {
  try {
    return await codecs[encoding].inflate(bytes, { maxOutputLength: limit, chunkSize: pieceBytes });
  } catch (error) {
    if (isTooLarge(error)) {
      return undefined;
    }
    throw corrupt(bytes, encoding, limit, error);
  }
}

function isTooLarge(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
}

function corrupt(bytes: Uint8Array, encoding: ContentEncoding, size: number, cause: unknown): CodecError {
  const { code, message } = cause as NodeJS.ErrnoException;
  // Where already the beginning is wrong, it is something else.
  const isOther = message === 'incorrect header check' || (encoding === 'br' && code !== undefined);
  const reason = isTooLarge(cause)
    ? `inflates to more than the ${counted(size, 'byte')} announced`
    : `is damaged: ${message}${isOther ? `; ${likenessOf(bytes)}` : ''}`;
  return new CodecError('CORRUPT_PAYLOAD', `${encoding} data ${reason}`, { cause });
}
