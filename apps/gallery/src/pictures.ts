import {
  byteSource,
  decodePayload,
  decodeRecord,
  encodeNpy,
  extensionOf,
  isChunk,
  isPixelArray,
  npyMediaType,
  resolveLimits,
  mediaTypeBytes,
  sniffMediaType,
} from '@image-stream/codec';
import type { ByteSource, Chunk, DecodedImage, Limits } from '@image-stream/codec';
import { chunkKey } from '@image-stream/codec';
import { describeRecord, inspectImage, pieces, previewOf, thumbnailOf } from '@image-stream/image-io';
import type { TopicReader, TopicRecord } from '@image-stream/kafka-config';
import { counted } from '@image-stream/program';
import { imageKey, safeName } from '@image-stream/storage';
import type { KeyRule, SinkReader } from '@image-stream/storage';
import { itemOf, short } from './items.ts';
import type { Details, TopicName } from './messages.ts';

type Content = DecodedImage['content'];

/** A picture, or its file, for a browser. */
export interface Served {
  readonly mediaType: string;
  readonly bytes: AsyncIterable<Uint8Array> | Uint8Array;
  /** Undefined where it is not known before the end. */
  readonly size: number | undefined;
  readonly filename: string;
}

/** The pictures of a topic, read from it when they are asked for. */
export interface Pictures {
  /** Each is undefined where there is no such record. */
  details(partition: number, offset: bigint): Promise<Details | undefined>;
  thumbnail(partition: number, offset: bigint): Promise<Uint8Array | undefined>;
  /** What a browser shows: as it came, or as PNG where browsers do not know it. */
  image(partition: number, offset: bigint): Promise<Served | undefined>;
  /** As it came; of pixels, a NumPy file. */
  original(partition: number, offset: bigint): Promise<Served | undefined>;
  /** The consumer's file; undefined where there is none. */
  file(partition: number, offset: bigint): Promise<Served | undefined>;
}

/** There is a record, but no picture to show; the message says why. */
export class NoPictureError extends Error {
  override readonly name = 'NoPictureError';
}

export interface PicturesOptions {
  readonly topic: TopicName;
  /** Its name in Kafka. */
  readonly kafkaTopic: string;
  readonly reader: Pick<TopicReader, 'offsets' | 'at' | 'range'>;
  /** Where the consumer saves, and under which keys. */
  readonly saved: Pick<SinkReader, 'find'>;
  readonly keyRule: KeyRule;
  readonly limits: Limits;
}

/** Pixels a side: sharp on screens of twice the resolution. */
export const thumbnailSide = 440;

/** Of an image that came in chunks: more is not put together in memory. */
const maxAssembledBytes = 64 * 1024 ** 2;

/** Chunks of several images may be mixed; how many records there may be for each one that is looked for. */
const spread = 16n;
const margin = 256n;

const shownByBrowsers = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/avif', 'image/gif']);

/** Of a header. */
const maxShownBytes = 4096;

export function createPictures({
  topic,
  kafkaTopic,
  reader,
  saved,
  keyRule,
  limits,
}: PicturesOptions): Pictures {
  /** @throws NoPictureError */
  async function contentAt(partition: number, offset: bigint) {
    const record = await reader.at(partition, offset);
    if (record === undefined) {
      return undefined;
    }
    const { description, content } = await describeRecord(record, limits);
    if (description.problem !== undefined) {
      throw new NoPictureError(description.problem);
    }
    return { record, description, content: content ?? (await assembled(record)) };
  }

  /** The image that a record carries a chunk of, where it fits. */
  async function assembled(record: TopicRecord): Promise<Content> {
    const chunk = await chunkOf(record);
    if (chunk.size > maxAssembledBytes) {
      throw new NoPictureError(
        `the image of ${chunk.size} bytes in ${counted(chunk.count, 'chunk')} is too large for a preview; download it, or look at the consumer's file`,
      );
    }
    const received: Uint8Array[] = [];
    for await (const bytes of payloadOf(record, chunk)) {
      received.push(bytes);
    }
    const content = await decodePayload(
      Buffer.concat(received),
      chunk.contentEncoding,
      resolveLimits(limits),
    );
    if (!isPixelArray(content)) {
      await inspectImage(byteSource(content.bytes), limits);
    }
    return content;
  }

  async function chunkOf(record: TopicRecord): Promise<Chunk> {
    const decoded = await decodeRecord(record, limits);
    if (decoded.kind !== 'chunk') {
      throw new NoPictureError('the record is no chunk of an image');
    }
    return decoded.chunk;
  }

  /** The bytes of an image's chunks in their order, one in memory at a time; it has to look for them first. */
  async function* payloadOf(
    record: TopicRecord,
    { index, count, ...chunk }: Chunk,
  ): AsyncGenerator<Uint8Array> {
    const { partition } = record;
    const key = chunkKey({ index, count, ...chunk });
    const offset = BigInt(record.offset);
    const from = offset - BigInt(index) * spread - margin;
    const to = offset + BigInt(count - index) * spread + margin;
    const bounds = (await reader.offsets()).get(partition)!;
    const places = new Map<number, bigint>();
    const end = to < bounds.high ? to : bounds.high;
    for await (const other of reader.range(partition, from > bounds.low ? from : bounds.low, end)) {
      const one = isChunk(other) ? await chunkOf(other).catch(() => undefined) : undefined;
      if (one !== undefined && chunkKey(one) === key) {
        places.set(one.index, BigInt(other.offset));
      }
      if (places.size === count) {
        break;
      }
    }
    if (places.size < count) {
      throw new NoPictureError(
        `only ${places.size} of the ${counted(count, 'chunk')} of the image are in the topic`,
      );
    }
    for (let next = 0; next < count; next += 1) {
      const chunkRecord = await reader.at(partition, places.get(next)!);
      if (chunkRecord === undefined) {
        throw new NoPictureError(`chunk ${next} of the image has just been removed from the topic`);
      }
      yield (await chunkOf(chunkRecord)).bytes;
    }
  }

  async function fileAt(partition: number, offset: bigint) {
    const record = await reader.at(partition, offset);
    const description = record && (await describeRecord(record, limits)).description;
    return description && { ...(await fileOf(description, { partition, offset })), description };
  }

  /** Its path follows from the record, and never from what a browser asks for. */
  async function fileOf(
    {
      id,
      customerId,
      createdAt,
      type,
    }: {
      readonly id?: string;
      readonly customerId?: string;
      readonly createdAt?: string;
      readonly type?: string;
    },
    place: { readonly partition: number; readonly offset: bigint },
  ): Promise<{ path?: string; source?: ByteSource; name?: string }> {
    const origin = { topic: kafkaTopic, partition: place.partition, offset: String(place.offset) };
    if (id === undefined || customerId === undefined || createdAt === undefined || type === undefined) {
      return {};
    }
    // What is no type of image files are pixels.
    const mediaType = extensionOf(type) === undefined ? npyMediaType : type;
    // The consumer saves as npy what no PNG holds.
    const rules = mediaType === npyMediaType ? [keyRule, { ...keyRule, saveAs: 'npy' } as const] : [keyRule];
    for (const rule of rules) {
      const path = imageKey({ id, customerId, createdAt: new Date(createdAt) }, mediaType, rule);
      const found = await saved.find(path, { origin }).catch(() => undefined);
      if (found !== undefined) {
        return { path: found.shard ?? path, source: found.content, name: path.split('/').at(-1)! };
      }
    }
    return {};
  }

  return {
    async details(partition, offset) {
      const record = await reader.at(partition, offset);
      if (record === undefined) {
        return undefined;
      }
      const { description } = await describeRecord(record, limits);
      const { path, source } = await fileOf(description, { partition, offset });
      return {
        item: itemOf(topic, description),
        key: record.key === null ? null : shown(record.key),
        headers: Object.entries(record.headers ?? {}).flatMap(([name, values]) =>
          [values].flat().map((value) => [short(name), shown(value ?? null)] as const),
        ),
        file: path === undefined ? null : { path, bytes: source!.size },
      };
    },
    async thumbnail(partition, offset) {
      const found = await contentAt(partition, offset);
      return found && (await thumbnailOf(found.content, thumbnailSide, limits)).bytes;
    },
    async image(partition, offset) {
      const found = await contentAt(partition, offset);
      if (found === undefined) {
        return undefined;
      }
      const { content, description } = found;
      const isShown = !isPixelArray(content) && shownByBrowsers.has(content.mediaType);
      return served(description, isShown ? content : await previewOf(content, limits));
    },
    async original(partition, offset) {
      const record = await reader.at(partition, offset);
      if (record === undefined) {
        return undefined;
      }
      const { description, content } = await describeRecord(record, limits);
      if (description.problem !== undefined) {
        throw new NoPictureError(description.problem);
      }
      if (content !== undefined) {
        return served(
          description,
          isPixelArray(content) ? { mediaType: npyMediaType, bytes: encodeNpy(content) } : content,
        );
      }
      const chunk = await chunkOf(record);
      return { ...(await begun(payloadOf(record, chunk), chunk)), size: chunk.size };
    },
    async file(partition, offset) {
      const found = await fileAt(partition, offset);
      if (found?.source === undefined) {
        return undefined;
      }
      const { source, name } = found;
      const mediaType = sniffMediaType(await source.read(0, Math.min(mediaTypeBytes, source.size)));
      return {
        mediaType: mediaType ?? 'application/octet-stream',
        bytes: pieces(source),
        size: source.size,
        filename: name!,
      };
    },
  };
}

function served(
  { id = 'image' }: { readonly id?: string },
  { mediaType, bytes }: { readonly mediaType: string; readonly bytes: Uint8Array },
): Served {
  return {
    mediaType,
    bytes,
    size: bytes.length,
    filename: `${safeName(id)}.${extensionOf(mediaType) ?? 'bin'}`,
  };
}

/** A stream whose first piece is there, so that it is known what it is, and that it can be had at all. */
async function begun(
  payload: AsyncGenerator<Uint8Array>,
  { id, contentEncoding }: Chunk,
): Promise<Omit<Served, 'size'>> {
  const first = await payload.next();
  const bytes = first.done === true ? new Uint8Array() : first.value;
  const mediaType = contentEncoding === undefined ? sniffMediaType(bytes) : undefined;
  return {
    mediaType: mediaType ?? 'application/octet-stream',
    filename: `${safeName(id)}.${extensionOf(mediaType ?? '') ?? 'bin'}`,
    bytes: (async function* all() {
      yield bytes;
      yield* payload;
    })(),
  };
}

/** Bytes of strangers as text: as UTF-8, or else as hex. */
function shown(value: Uint8Array | string | null): string {
  if (value === null) {
    return 'null';
  }
  const bytes = Buffer.from(value as Uint8Array);
  const head = bytes.subarray(0, maxShownBytes);
  try {
    return short(new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true }));
  } catch {
    return short(`0x${head.toString('hex')}`);
  }
}
