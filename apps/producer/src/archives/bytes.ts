import { pipeline, Readable } from 'node:stream';
import type { Transform } from 'node:stream';
import { createGunzip, createInflateRaw, inflateRawSync } from 'node:zlib';
import type { ByteSource } from '@image-stream/codec';
import { ImageIoError, pieces } from '@image-stream/image-io';

/** The bytes of an archive, for who reads it from front to back. */
export interface ArchiveBytes {
  /**
   * From `start` up to `end`, or to the end of all where that comes first. What is before `start` may be gone afterwards. The bytes
   * are those of a buffer that is not written again.
   *
   * @throws ImageIoError `INVALID_IMAGE` where compressed data are damaged
   */
  readonly read: (start: number, end: number) => Promise<Buffer>;
}

const nothing = Buffer.alloc(0);

/** So many members of some kilobytes cost one read. */
const readAheadBytes = 1024 ** 2;

/** Of what lies apart, such as the header behind a large member. */
const apartBytes = 16_384;

/** Bytes of a source, read ahead, until the signal. */
export function readAhead(source: ByteSource, signal?: AbortSignal): ArchiveBytes {
  let [first, held]: [number, Buffer] = [0, nothing];
  return {
    async read(start, end) {
      signal?.throwIfAborted();
      const last = Math.min(end, source.size);
      if (start >= last) {
        return nothing;
      }
      const heldEnd = first + held.length;
      if (start < first || last > heldEnd) {
        const least = start >= first && start <= heldEnd ? readAheadBytes : apartBytes;
        const bytes = await source.read(start, Math.min(source.size, Math.max(last, start + least)));
        [first, held] = [start, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)];
      }
      return held.subarray(start - first, last - first);
    },
  };
}

/** What gzip data inflate to. Only what is asked for is in memory. It ends with the signal, however much there is to pass over. */
export function gunzipped(
  source: ByteSource,
  signal: AbortSignal,
): ArchiveBytes & { close(): Promise<void> } {
  const chunks = inflated(pieces(source), createGunzip({ chunkSize: 65_536 }));
  let [first, held]: [number, Buffer] = [0, nothing];
  let failure: unknown;

  async function next(): Promise<Buffer | undefined> {
    signal.throwIfAborted();
    if (failure === undefined) {
      try {
        const { done, value } = await chunks.next();
        return done === true ? undefined : value;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  return {
    async read(start, end) {
      while (first + held.length <= start) {
        first += held.length;
        held = nothing;
        const chunk = await next();
        if (chunk === undefined) {
          return nothing;
        }
        held = chunk;
      }
      held = held.subarray(start - first);
      first = start;
      const parts = [held];
      let length = held.length;
      while (length < end - start) {
        const chunk = await next();
        if (chunk === undefined) {
          break;
        }
        parts.push(chunk);
        length += chunk.length;
      }
      held = parts.length === 1 ? held : Buffer.concat(parts);
      return held.subarray(0, end - start);
    },
    async close() {
      await chunks.return(undefined);
    },
  };
}

/** So much is inflated at once: a stream of its own for each of many small members takes ten times as long. */
const atOnceBytes = 256 * 1024;

/** What deflated bytes inflate to, piece by piece. @throws ImageIoError `INVALID_IMAGE` where there are more or fewer than `size` */
export async function* inflatedRaw(deflated: ByteSource, size: number): AsyncGenerator<Buffer> {
  let length = 0;
  const isSmall = Math.max(size, deflated.size) <= atOnceBytes;
  for await (const chunk of isSmall
    ? inflatedAtOnce(deflated, size)
    : inflated(pieces(deflated), createInflateRaw())) {
    length += chunk.length;
    if (length > size) {
      throw tooMany(size);
    }
    yield chunk;
  }
  if (length < size) {
    throw new ImageIoError(
      'INVALID_IMAGE',
      `inflates to ${length} bytes instead of the ${size} that it declares`,
    );
  }
}

async function* inflatedAtOnce(deflated: ByteSource, size: number): AsyncGenerator<Buffer> {
  const bytes = await deflated.read(0, deflated.size);
  try {
    yield inflateRawSync(bytes, { maxOutputLength: Math.max(1, size) });
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? tooMany(size) : damaged(error);
  }
}

function tooMany(size: number): ImageIoError {
  return new ImageIoError('INVALID_IMAGE', `inflates to more than the ${size} bytes that it declares`);
}

/** What a decompressor makes of bytes; it ends with whoever reads it. */
async function* inflated(
  compressed: AsyncIterable<Uint8Array>,
  decompressor: Transform,
): AsyncGenerator<Buffer> {
  // What it is told here, reading throws as well.
  pipeline(Readable.from(compressed, { objectMode: false }), decompressor, () => {});
  try {
    for await (const chunk of decompressor) {
      yield chunk as Buffer;
    }
  } catch (error) {
    throw damaged(error);
  }
}

/** What zlib says, as an error of the archive; any other as it is. */
function damaged(error: unknown): unknown {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (!code.startsWith('Z_')) {
    return error;
  }
  const what = code === 'Z_BUF_ERROR' ? 'are cut off' : `are damaged (${message})`;
  return new ImageIoError('INVALID_IMAGE', `its compressed data ${what}`, { cause: error });
}
