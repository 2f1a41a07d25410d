import { open } from 'node:fs/promises';
import { fileSource } from '@image-stream/image-io';
import type { ByteSource } from '@image-stream/codec';
import type { Container, Indexed } from './container.ts';
import { assertSample } from './sample.ts';
import type { Sample } from './sample.ts';
import type { Entry, ShardFile } from './shard.ts';
import { endOfArchive, lastMember, tarMembers } from './ustar.ts';

/** Tar archives as https://github.com/webdataset/webdataset reads them: each image next to a file of the same name with what is known of it. */
export const webdataset: Container = {
  extension: 'tar',
  mediaType: 'application/x-tar',
  assertFits() {},
  write: async (file, entries, target) =>
    entries.length === file.entries.length ? file.path : copySome(file, entries, target),
  async *read(shard) {
    const source = readAhead(shard);
    let image: Omit<Indexed, 'sample'> | undefined;
    for await (const { name, start, size } of tarMembers(source)) {
      if (image === undefined) {
        image = { name, place: `${start}+${size}`, content: part(source, start, size) };
      } else {
        yield { ...image, sample: parse(name, await source.read(start, start + size)) };
        image = undefined;
      }
    }
  },
  async open(shard, place) {
    const [start, size] = place.split('+').map(Number) as [number, number];
    return part(shard, start, size);
  },
  async lastOffset(shard) {
    // What is said of an image holds the headers of its record, which are mostly short.
    for (let most = 16_384; ; most *= 8) {
      const member = await lastMember(shard, most);
      if (member !== undefined) {
        const { name, start, size } = member;
        return parse(name, await shard.read(start, start + size)).offset;
      }
      if (most > shard.size) {
        throw new Error('it does not end as a shard of this program does');
      }
    }
  },
};

function parse(name: string, bytes: Uint8Array) {
  try {
    return assertSample(JSON.parse(Buffer.from(bytes).toString()) as Partial<Sample>);
  } catch (error) {
    throw new Error(`${name} is not what this program says of an image: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** How much to copy or read at once. */
const pieceBytes = 1024 ** 2;

async function copySome(file: ShardFile, entries: readonly Entry[], target: string): Promise<string> {
  const source = await fileSource(file.path);
  const copy = await open(target, 'w');
  try {
    for (const { start, end } of entries) {
      for (let from = start; from < end; from += pieceBytes) {
        await copy.appendFile(await source.read(from, Math.min(end, from + pieceBytes)));
      }
    }
    await copy.appendFile(endOfArchive);
  } finally {
    await copy.close();
  }
  return target;
}

function part(source: ByteSource, offset: number, size: number): ByteSource {
  return { size, read: (start, end) => source.read(offset + start, offset + end) };
}

/** The same bytes; what is read one after the other costs a request for every mebibyte, not for every header. */
export function readAhead(source: ByteSource): ByteSource {
  let [from, bytes]: [number, Uint8Array] = [0, new Uint8Array()];
  return {
    size: source.size,
    async read(start, end) {
      if (start < from || end > from + bytes.length) {
        if (end - start > pieceBytes) {
          return source.read(start, end);
        }
        const read = await source.read(start, Math.min(source.size, start + pieceBytes));
        [from, bytes] = [start, read];
        return read.subarray(0, end - start);
      }
      return bytes.subarray(start - from, end - from);
    },
  };
}
